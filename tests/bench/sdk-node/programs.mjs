// What is measured: the node package, and what an app would take without it. Each is the same few lines three times: as
// an ECMAScript module, as CommonJS, and as a function for a bundler.

export const SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const CLAIMS = `{ sub: "acct-123", sessionId: "abc-123", scope: ["subscribe"], jti: randomUUID() }`;
const jsonwebtoken = (key) => ({
  from: { "node:crypto": "{ createSecretKey, randomUUID }", jsonwebtoken: "jwt" },
  setUp: `const key = ${key};`,
  mint: `jwt.sign(${CLAIMS}, key, { algorithm: "HS256", expiresIn: 300 })`,
});

/** `from` is what each takes from where; `mint` and `sign` are expressions, `sign` of a `body`. */
export const programs = {
  relay: {
    from: { "@forge-relay/node": "{ Relay }" },
    setUp: `const relay = new Relay({ url: "https://relay.example.com", secret: "${SECRET}" });`,
    mint: `relay.mintToken({ accountId: "acct-123", sessionId: "abc-123" })`,
    sign: "relay.signRequest(body)",
  },
  // Its fast way, with a key object; and with the secret as text, which is how its documentation begins.
  key: jsonwebtoken(`createSecretKey(Buffer.from("${SECRET.slice(6)}", "base64"))`),
  text: jsonwebtoken(`"${SECRET}"`),
  standardwebhooks: {
    from: { "node:crypto": "{ randomUUID }", standardwebhooks: "{ Webhook }" },
    setUp: `const hook = new Webhook("${SECRET}");
const headers = (id, now, body) => ({ "webhook-id": id, "webhook-timestamp": String(Math.floor(now / 1000)), "webhook-signature": hook.sign(id, now, body) });`,
    sign: `headers("msg_" + randomUUID().replaceAll("-", ""), new Date(), body)`,
  },
  // Node's own part of an import.
  nothing: { from: { nothing: "{ nothing }" }, setUp: "", mint: "nothing" },
};

const lines = (from, line) => Object.entries(from).map(([name, names]) => line(name, names)).join("\n");
const timed = (loading, { setUp, mint }) => `const start = performance.now();
${loading}
${setUp}
${mint};
console.log(performance.now() - start);
`;

/** Prints how long it took from before the first `import` to after the first token. */
export const byImport = (program) =>
  timed(lines(program.from, (name, names) => `const ${names.startsWith("{") ? names : `{ default: ${names} }`} = await import("${name}");`), program);

/** The same with `require`. */
export const byRequire = (program) => timed(lines(program.from, (name, names) => `const ${names} = require("${name}");`), program);

/** A function's module. */
export function module({ from, setUp, mint, sign }) {
  const exported = [mint && `export const mint = () => ${mint};`, sign && `export const sign = (body) => ${sign};`];
  return [lines(from, (name, names) => `import ${names} from "${name}";`), setUp, ...exported].filter(Boolean).join("\n");
}

/** Prints how long it took from before a bundle was loaded to after its function had answered for the first time. */
export const firstInvocation = (bundle) => `const start = performance.now();
require(${JSON.stringify(bundle)}).mint();
console.log(performance.now() - start);
`;

/** Prints how often a second `mint` or `sign` of `./NAME.mjs` runs: `node rate.mjs NAME mint`. */
export const rate = `const { mint, sign } = await import("./" + process.argv[2] + ".mjs");
const body = JSON.stringify({ sessionId: "abc-123", event: "vote.cast", payload: { issueKey: "SCRUM-1", value: "5", participantId: "acct-123" }, nonce: crypto.randomUUID(), timestamp: new Date().toISOString() });
const work = process.argv[3] === "mint" ? mint : () => sign(body);
const run = (ms) => {
  const start = performance.now();
  let count = 0;
  do for (let n = 0; n < 100; n += 1, count += 1) work(); while (performance.now() - start < ms);
  return (count / (performance.now() - start)) * 1000;
};
run(300);
console.log(run(500));
`;
