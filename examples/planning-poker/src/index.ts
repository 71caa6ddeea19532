/** The app's functions, as manifest.yml names them. */
import { NeedsAuthenticationError } from "@forge/api";
import Resolver from "@forge/resolver";
import type { Request } from "@forge/resolver/shared";
import type { Answer, Functions } from "../shared/table";
import { callerOf, type Caller } from "./caller";
import { Refused } from "./refused";
import { applyEstimate, nextRound, reveal, takeOver, vote } from "./round";
import { getToken, joinTable, loadBoard, seen } from "./table";

export { consume as outbox } from "./news";

/** What a page can call. Who calls is Forge's word; what they send is theirs, and checked. */
const functions: { [Key in keyof Functions]: (request: Request) => Promise<Functions[Key]["answer"]> } = {
  joinTable: answering(joinTable),
  getToken: rejecting(getToken),
  loadBoard: rejecting(loadBoard),
  seen: answering(seen),
  vote: answering(vote),
  reveal: answering(reveal),
  nextRound: answering(nextRound),
  applyEstimate: answering(applyEstimate),
  takeOver: answering(takeOver),
};

const definitions = new Resolver();
for (const [key, call] of Object.entries(functions)) definitions.define(key, call);
export const resolver = definitions.getDefinitions();

type Call<Result> = (caller: Caller, payload: unknown) => Promise<Result>;

/** Refuses with an answer. */
function answering<Result extends object>(call: Call<Result>) {
  return async ({ context, payload }: Request): Promise<Answer<Result>> => {
    try {
      return { ok: true, ...(await call(callerOf(context), payload)) };
    } catch (error) {
      if (error instanceof Refused) return { ok: false, code: error.code, message: error.message };
      // Forge catches this one, and asks the person whether the app may act for them.
      if (error instanceof NeedsAuthenticationError) throw error;
      console.error(error);
      return { ok: false, code: "unavailable", message: "That did not work just now. Please try again." };
    }
  };
}

/** Refuses by throwing, for callers that wait for a promise to be rejected. */
function rejecting<Result>(call: Call<Result>) {
  return async ({ context, payload }: Request): Promise<Result> => call(callerOf(context), payload);
}
