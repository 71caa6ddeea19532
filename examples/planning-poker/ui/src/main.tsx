import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { view } from "@forge/bridge";
import { App } from "./app";
import { Boundary } from "./boundary";
import "./theme.css";
import "./page.css";

// Jira's own colours, light or dark. Without an answer the page keeps those of theme.css.
view.theme.enable().catch(() => {});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <Boundary>
      <App />
    </Boundary>
  </StrictMode>,
);
