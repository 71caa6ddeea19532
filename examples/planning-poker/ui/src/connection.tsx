import type { Status } from "@forge-relay/client";
import { connectionWords } from "./sentences";
import "./connection.css";

/** How the page is connected: always there, always in its place. */
export function Connection({ status, reached }: { status: Status; reached: boolean }) {
  return (
    <p className="connection" data-testid="status" data-status={status}>
      <span className="connection-dot" aria-hidden="true" />
      {connectionWords(status, reached)}
    </p>
  );
}
