import { Component, type ReactNode } from "react";
import { Note } from "./note";

/** The last resort: a page that failed says so, instead of being empty. */
export class Boundary extends Component<{ children: ReactNode }, { failure: unknown }> {
  override state = { failure: undefined };

  static getDerivedStateFromError(failure: unknown) {
    return { failure };
  }

  override render() {
    const { failure } = this.state;
    if (failure === undefined) return this.props.children;
    const notice = { tone: "error", text: `This page has failed. ${failure}`, again: () => location.reload() } as const;
    return (
      <main>
        <h1>Planning poker</h1>
        <Note notice={notice} hint="" />
      </main>
    );
  }
}
