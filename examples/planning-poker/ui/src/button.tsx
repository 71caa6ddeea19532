import type { ReactNode } from "react";
import "./button.css";

interface Props {
  children: ReactNode;
  onClick: () => void;
  isPrimary?: boolean;
  isOff?: boolean;
  isBusy?: boolean;
  testId?: string;
}

/** A button that keeps its size and the focus while it is off or its call runs. */
export function Button({ children, onClick, isPrimary = false, isOff = false, isBusy = false, testId }: Props) {
  const isIdle = isOff || isBusy;
  return (
    <button
      type="button"
      className={isPrimary ? "button is-primary" : "button"}
      aria-disabled={isIdle || undefined}
      aria-busy={isBusy || undefined}
      data-testid={testId}
      onClick={isIdle ? undefined : onClick}
    >
      {children}
    </button>
  );
}
