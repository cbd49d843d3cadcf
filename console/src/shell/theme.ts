import { useState } from "react";

export type Theme = "system" | "light" | "dark";
const KEY = "sojourn-theme";
export const THEMES = ["system", "light", "dark"] as const;

function stored(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

/** As the system has it, unless the person chose; the choice is kept. */
export function useTheme(): readonly [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState(stored);
  const choose = (next: Theme): void => {
    const { dataset } = document.documentElement;
    if (next === "system") {
      delete dataset["theme"];
      localStorage.removeItem(KEY);
    } else {
      dataset["theme"] = next;
      localStorage.setItem(KEY, next);
    }
    setTheme(next);
  };
  return [theme, choose];
}
