// In each pane: what a browser tells its pages when the machine's network goes and comes. The weather cuts connections; it
// cannot unplug a cable.
addEventListener("message", ({ source, data }) => {
  if (source === parent && data?.demo === "network") dispatchEvent(new Event(data.online ? "online" : "offline"));
});
