// The one implementation is index.js: two of them would be two classes RelayError.
export * from "./index.js";
