// What Forge's own script is for a page: `globalThis.__bridge`, through which @forge/bridge calls. Each call goes to the page
// around, which alone knows whose pane this is, and comes back from it:
//
//   { forge: "call", id, cmd, data }  ──►  parent  ──►  { forge: "answer", id, ok, value | error }
//                                                       { forge: "theme", mode: "light" | "dark" }, at any time
//
// `enableTheming` goes to the parent as well, and may be answered with the mode.
(() => {
  const calls = new Map();
  let last = 0;
  let mode;
  let isThemed = false;

  addEventListener("message", ({ source, data }) => {
    if (source !== parent) return;
    if (data?.forge === "theme") {
      mode = data.mode;
      if (isThemed) paint();
    }
    if (data?.forge === "answer") {
      const call = calls.get(data.id);
      if (!calls.delete(data.id)) return;
      if (data.ok) call.resolve(data.value);
      else call.reject(new Error(data.error));
    }
  });

  function ask(cmd, data) {
    return new Promise((resolve, reject) => {
      const id = (last += 1);
      calls.set(id, { resolve, reject });
      // Who the parent may be is said by the frame-ancestors of this page's header.
      parent.postMessage({ forge: "call", id, cmd, data }, "*");
    });
  }

  function paint() {
    const { dataset } = document.documentElement;
    dataset.theme = "light:light dark:dark spacing:spacing typography:typography";
    dataset.colorMode = mode ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  }

  async function enableTheming() {
    isThemed = true;
    mode = (await ask("enableTheming")) ?? mode;
    paint();
  }

  globalThis.__bridge = { callBridge: (cmd, data) => (cmd === "enableTheming" ? enableTheming() : ask(cmd, data)) };
})();
