import type { Refusal } from "../shared/table";

/** Why a function does not do what was asked, in words for the person who asked. */
export class Refused extends Error {
  constructor(
    readonly code: Refusal,
    message: string,
  ) {
    super(message);
  }
}
