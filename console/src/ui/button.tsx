import type { ButtonHTMLAttributes } from "react";
import { Icon } from "./icon.tsx";
import type { IconName } from "./icon.tsx";

export type ButtonKind = "primary" | "danger" | "destroy" | "quiet";

interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "className"> {
  readonly kind?: ButtonKind | undefined;
  readonly small?: boolean;
  /** Its work is under way. */
  readonly busy?: boolean | undefined;
}

export function Button({ kind, small, busy, children, disabled, ...rest }: ButtonProps) {
  const names = ["button", kind && `button-${kind}`, small && "button-small"];
  return (
    <button
      type="button"
      {...rest}
      className={names.filter(Boolean).join(" ")}
      disabled={disabled === true || busy === true}
      aria-busy={busy}
    >
      {children}
    </button>
  );
}

interface IconButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "className"> {
  readonly icon: IconName;
  readonly label: string;
}

export function IconButton({ icon, label, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      title={label}
      aria-label={label}
      {...rest}
      className="button button-quiet button-icon"
    >
      <Icon name={icon} />
    </button>
  );
}
