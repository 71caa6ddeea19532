// Listening on the loopback, and nowhere else: as the demo does it.

export { freePort, listen } from "../../../xtask/demo/ports.mjs";
