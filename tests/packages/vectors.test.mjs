// The golden vectors of sdk-core, in both forms, from the same files as in Rust. Each form passes those of what it exports.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import test from "node:test";

import { consumer, here } from "./harness/consumer.mjs";

const vectors = (name) => JSON.parse(readFileSync(join(here, "../../sdk-core/vectors", `${name}.json`), "utf8"));
const bytes = (text) => Buffer.from(text, "utf8");
const failure = (call) => {
  try {
    call();
  } catch (error) {
    return JSON.parse(error.message);
  }
  return assert.fail("it was not refused");
};
const kid = (token) => JSON.parse(Buffer.from(token.split(".")[0], "base64url")).kid;

for (const form of ["native", "wasm"]) {
  test(`golden vectors, ${form}`, async (t) => {
    const folder = await consumer(t, { install: ["node", `node-${process.platform}-${process.arch}-gnu`] });
    const file = { native: `node-${process.platform}-${process.arch}-gnu`, wasm: "node/dist/core-wasm.js" }[form];
    const core = createRequire(import.meta.url)(join(folder, "node_modules/@forge-relay", file));
    const publisher = (secret, more = {}) => new core.Publisher(JSON.stringify({ secret, ...more }));
    const strong = publisher("a-secret-that-has-at-least-32-bytes");
    /** Vectors of short keys, which this package refuses: that it does is held against it, too. */
    const usable = (secrets) => {
      const weak = vectors("keys").keys.some((key) => key.weak && secrets.split(/[\s,]+/).includes(key.secret));
      if (!weak) return true;
      assert.equal(failure(() => publisher(secrets)).errors[0].field, "/secret");
      return false;
    };

    await t.test("keys", () => {
      const { keys, refused } = vectors("keys");
      let used = 0;
      for (const { secret, id } of keys.filter((key) => usable(key.secret))) {
        const { token } = JSON.parse(publisher(secret).mint('{"accountId":"a","sessionId":"s"}', "j", Date.now()));
        assert.equal(kid(token), id, secret);
        used += 1;
      }
      assert.ok(used >= 4, `${used}`);
      // Several secrets in one text are no error of a ring.
      for (const { secret } of refused.filter((key) => key.error !== "separator")) {
        assert.equal(failure(() => publisher(secret)).errors[0].field, "/secret", secret);
      }
    });

    await t.test("signatures", () => {
      let used = 0;
      for (const { name, secrets, id, timestamp, body, signature } of vectors("signatures").sign) {
        if (!usable(secrets)) continue;
        const headers = JSON.parse(publisher(secrets).headers(bytes(body), id, timestamp * 1000));
        assert.equal(headers["webhook-signature"], signature, name);
        assert.equal(headers["webhook-timestamp"], String(timestamp), name);
        used += 1;
      }
      assert.ok(used >= 5, `${used}`);
    });

    await t.test("tokens", () => {
      const { verify, mint } = vectors("tokens");
      let used = 0;
      for (const { name, secrets, token, now, issuer, claims, error } of verify) {
        // A publisher knows its app, or does not; what a relay of one app takes besides is the relay's affair.
        if (!usable(secrets) || issuer?.optional !== undefined) continue;
        const app = issuer ? { app: issuer.required } : {};
        const check = () => publisher(secrets, app).verify(token, now * 1000);
        if (claims) assert.deepEqual(JSON.parse(check()), claims, name);
        else assert.equal(failure(check).code, error, name);
        used += 1;
      }
      assert.ok(used >= 100, `${used} of ${verify.length}`);
      for (const { name, secrets, accountId, sessionId, expiresIn, issuer, now, jti, token, expiresAt, error } of mint) {
        if (!usable(secrets)) continue;
        const request = JSON.stringify({ accountId, sessionId, expiresIn });
        const make = () => JSON.parse(publisher(secrets, issuer ? { app: issuer } : {}).mint(request, jti, now * 1000));
        if (token) assert.deepEqual(make(), { token, expiresAt: expiresAt ?? now + expiresIn }, name);
        else assert.equal(failure(make).code, error, name);
      }
    });

    await t.test("events", () => {
      const { now, accept, reject, badJson, batch } = vectors("events");
      const filled = ({ body, fill }) => (fill ? body.replaceAll("%FILL%", fill.text.repeat(fill.times)) : body);
      for (const one of accept) {
        const body = strong.complete(filled(one), "n", now * 1000);
        if (one.payload !== undefined && !one.fill) assert.ok(body.includes(`"payload":${one.payload}`), one.name);
        assert.equal(strong.complete(body, "n", now * 1000), body, one.name);
      }
      // What is missing is filled in here.
      const wanted = ({ errors }) =>
        errors.filter(({ field, code }) => code !== "missing" || !["/nonce", "/timestamp"].includes(field)).map(({ index, field, code }) => ({ index, field, code }));
      const found = (failed) => failed.errors.map(({ index, field, code }) => ({ index, field, code }));
      for (const one of reject) {
        if (wanted(one).length === 0) strong.complete(filled(one), "n", now * 1000);
        else assert.deepEqual(found(failure(() => strong.complete(filled(one), "n", now * 1000))), wanted(one), one.name);
      }
      for (const one of badJson.filter((each) => each.body !== undefined)) {
        assert.equal(failure(() => strong.complete(filled(one), "n", now * 1000)).code, "bad_json", one.name);
      }
      for (const one of batch.accept) strong.completeBatch(filled(one), "n", now * 1000);
      for (const one of batch.reject) {
        if (wanted(one).length === 0) continue;
        assert.deepEqual(found(failure(() => strong.completeBatch(filled(one), "n", now * 1000))), wanted(one), one.name);
      }
    });
  });
}
