import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  // Forge serves the page from a folder of its own choice.
  base: "./",
  plugins: [react()],
  // What browsers of Jira Cloud know; `light-dark()` stays as it is written.
  build: { target: ["chrome123", "firefox120", "safari17.5"] },
});
