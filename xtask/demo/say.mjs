// What the demo says in the terminal.

const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);

process.stdout.on("error", () => {}); // the terminal may go before we do

export const say = (text = "") => console.log(text);
export const strong = (text) => paint("1", text);
export const faint = (text) => paint("2", text);

/** One line an event, as it passes. */
export function sayEvent({ envelope: { seq, event, payload } }) {
  say(`${String(seq).padStart(4)} ${paint("36", event)} ${faint(short(JSON.stringify(payload)))}`);
}

/** What was done to the network, and what came of it. */
export const sayNote = (text) => say(faint(`   · ${text}`));

export const sayTrouble = (text) => console.error(`${paint("31", "✗")} ${text}`);

const short = (text) => (text.length > 100 ? `${text.slice(0, 99)}…` : text);
