// What the official suites expect of their world under Node, in place of the file of that purpose in their folders, with
// what makes them deterministic:
// - The WebSocket hands out messages one by one, so that a test which waits for two of them, one after the other, never
//   misses the second because both came in one read.
// - Requests reach the server in the order in which a test makes them, also where it waits for none of them: `localhost`
//   is not looked up, which takes as long as it takes, and a request sets out when the one before it has.
// - A sleep of 5 ms, in which a test trusts a request to arrive, lasts until it has set out, and 50 ms more: on a busy
//   machine Node may not get a turn in 5 ms, and then cancels a request that it has not sent.
import { Agent } from "node:http";
import { connect } from "node:net";
import chai from "chai";
import chaiString from "chai-string";
import fetch from "node-fetch";
import { WebSocket } from "ws";

chai.use(chaiString);

class InOrder extends Agent {
  last = Promise.resolve();

  createConnection({ port }, connected) {
    this.last = this.last.then(
      () =>
        new Promise((sent) => {
          const socket = connect({ host: "127.0.0.1", port, noDelay: true });
          // What waits for the connection is written when it is there.
          socket.once("connect", () => setImmediate(sent));
          socket.once("close", sent);
          connected(null, socket);
        }),
    );
  }
}

const agent = new InOrder();
const { setTimeout } = globalThis;

globalThis.chai = chai;
globalThis.setTimeout = (work, delay, ...rest) =>
  delay === 5 ? agent.last.then(() => setTimeout(work, 50)) : setTimeout(work, delay, ...rest);
globalThis.fetch = (url, options) => fetch(url, { ...options, agent });
globalThis.WebSocket = class extends WebSocket {
  constructor(url) {
    super(url, { allowSynchronousEvents: false, agent });
  }
};
