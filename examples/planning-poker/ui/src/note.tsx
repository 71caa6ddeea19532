import { Button } from "./button";
import "./note.css";

/** Something that a person should know, and what they can do about it. */
export interface Notice {
  tone: "information" | "warning" | "error";
  text: string;
  again?: (() => void) | undefined;
}

/** One place for what there is to say: a notice, or else a hint. */
export function Note({ notice, hint }: { notice: Notice | undefined; hint: string }) {
  return (
    <div className="note" role="status" data-tone={notice?.tone}>
      {notice === undefined ? <p>{hint}</p> : <p data-testid="message">{notice.text}</p>}
      {notice?.again && <Button onClick={notice.again}>Try again</Button>}
    </div>
  );
}
