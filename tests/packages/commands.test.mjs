// The commands and programs in the documents, run as they stand there, document by document, each against a relay. A
// command that is neither installed nor one of harness/commands.sh fails.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import test, { after } from "node:test";

import { freePort } from "../../xtask/demo/ports.mjs";
import { consumer, here, packages, variable } from "./harness/consumer.mjs";
import { blocks, DOCUMENTS, root } from "./harness/markdown.mjs";
import { program, until } from "./harness/program.mjs";
import { python } from "./harness/python.mjs";
import { SECRET, startRelay } from "./harness/relay.mjs";

/** An app in which both SDKs are installed, with what else programs of the documents take from npm. */
const app = await consumer({ after }, { install: ["node", "client"], links: ["jsonwebtoken", "standardwebhooks"], type: "module", registry: true });
/** What a reader has installed, and the repository with its packages made. */
const bin = join(app, "bin");
const repository = join(app, "repository");
mkdirSync(bin);
symlinkSync(variable("FORGE_RELAY_BIN"), join(bin, "forge-relay"));
mkdirSync(join(repository, "target"), { recursive: true });
symlinkSync(packages, join(repository, "target/packages"));

for (const document of DOCUMENTS) {
  const written = blocks(document).filter(({ language }) => ["sh", "js", "toml", "text"].includes(language));
  if (written.length === 0) continue;
  test(`${document}: its commands and programs do what it says`, async (t) => {
    const folder = join(app, document.replaceAll(/\W/g, "-"));
    mkdirSync(folder);
    // What stands beside an example's document, its reader has.
    const beside = dirname(join(root, document));
    if (document.startsWith("examples/")) cpSync(beside, folder, { recursive: true, filter: (file) => !/node_modules|dist/.test(file.slice(beside.length)) });
    const installed = document.startsWith("examples/planning-poker/") ? variable("DEMO_APP") : app;
    symlinkSync(join(installed, "node_modules"), join(folder, "node_modules"));

    const startsRelay = written.some(({ code }) => code.includes("forge-relay serve"));
    const address = `127.0.0.1:${startsRelay ? await freePort() : (await startRelay(t)).port}`;
    const env = {
      PATH: [bin, dirname(process.execPath), "/usr/local/bin", "/usr/bin", "/bin"].join(":"),
      HOME: folder,
      PYTHON: python,
      REPOSITORY: repository,
      RELAY_URL: `http://${address}`,
      ...(startsRelay ? { RELAY_BIND: address } : { RELAY_SECRET: SECRET }),
    };
    const script = [`. '${join(here, "harness/commands.sh")}'`, ...written.map(asCommands), 'echo "all of it ran"; wait']
      .join("\n")
      .replaceAll(/\b(localhost|127\.0\.0\.1):8080\b/g, address)
      .replaceAll("https://relay.example.com", env.RELAY_URL);
    const shell = program(t, "bash", ["-c", script], { cwd: folder, env, detached: true });
    await shell.says("all of it ran", "stdout");

    for (const { code, where } of written.filter(({ language }) => language === "text")) {
      for (const line of code.trimEnd().split("\n")) {
        await until(`${where}: ${line}`, () => pattern(line).test(shell.printed.stdout), () => shell.printed.stdout);
      }
    }
  });
}

/**
 * A block as commands. Programs and settings are written to files, in the order of the document. What `# runs on` stands
 * behind goes to the background, as the reader has it in another terminal.
 */
function asCommands({ language, code, where }, _, all) {
  switch (language) {
    case "sh":
      return `echo "# ${where}"\n${code.replace(/^((?:.*\\\n)*.*\S) +# runs on$/gm, 'before=$(clients)\n$1 &\nmore_than "$before"')}`;
    case "js": {
      const name = /^\/\/ (\S+\.mjs)\n/.exec(code)?.[1];
      const isStarted = all.some((other) => other.language === "sh" && other.code.includes(`node ${name}`));
      assert.ok(isStarted, `${where}: a program begins with // and its name, .mjs, and a command starts it`);
      return file(name, code);
    }
    case "toml":
      return `${file("forge-relay.toml", code)}forge-relay config show`;
    case "text": // what the commands print
      return "";
  }
}

const file = (name, content) => `cat > ${name} <<'END OF FILE'\n${content}END OF FILE\n`;

/** A line that is printed; `…` stands for anything. */
const pattern = (line) => new RegExp(line.split("…").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join(".*"));
