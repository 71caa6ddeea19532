// The functions of a Forge app as `forge deploy` bundles them: Atlassian's bundler, with its default settings. It looks at
// the working folder and at `require.main`, so it has a process of its own: `node bundle.cjs <entry> <folder>`.

const { cpSync, rmSync } = require("node:fs");
const { getNodeBundler } = require("@forge/bundler");

const [entry, folder] = process.argv.slice(2);
const logger = { info() {}, warn: console.error, debug() {}, trace() {}, error: console.error };
/** In the cloud, code around the functions; the stand-in calls them itself. */
const none = async () => ({ script: "", source: "", version: "0" });
const config = { readConfig: async () => ({ app: { package: undefined } }) };

getNodeBundler(logger, { getNodeRuntimeWrapper: none, getNodeRuntimeLoader: none }, config)
  .bundle({ appDirectory: process.cwd(), entryPoints: [{ name: "index", path: entry }], successMessage: "" })
  .then(({ outputDir }) => {
    rmSync(folder, { recursive: true, force: true });
    cpSync(outputDir, folder, { recursive: true });
    rmSync(outputDir, { recursive: true, force: true });
  })
  .catch((error) => {
    console.error(error.message ?? error);
    process.exitCode = 1;
  });
