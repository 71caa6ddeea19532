// Runs one suite: `run.mjs SUITE RESULT`. What fails is printed in full; RESULT is written when the suite has come to its
// end: "<passed> of <tests>".
import { writeFileSync } from "node:fs";
import Mocha from "mocha";

const [suite, result] = process.argv.slice(2);
const mocha = new Mocha({ reporter: "spec", color: false });
mocha.addFile(suite);
await mocha.loadFilesAsync();
const { stats } = mocha.run((failures) => {
  // Skipped ones count as tests that did not pass.
  writeFileSync(result, `${stats.passes} of ${stats.tests}`);
  process.exit(failures === 0 && stats.passes === stats.tests && stats.tests > 0 ? 0 : 1);
});
