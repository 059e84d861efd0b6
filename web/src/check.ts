import type { Words } from "./words/english.tsx";

// What the contract asks of fields, checked before sending so that the answer is at once. The server decides.

const emailShape = /^[^@\s]+@[^@\s]+$/;

const newPasswordLength = { least: 12, most: 256 };

export function newPasswordHint(words: Words): string {
  return words.check.newPassword(newPasswordLength.least);
}

export function checkEmail(words: Words, value: string): string | undefined {
  if (!value) return words.check.email;
  if (!emailShape.test(value) || value.length < 3 || value.length > 254) return words.check.emailShape;
  return undefined;
}

export function checkNewPassword(words: Words, value: string): string | undefined {
  const length = Array.from(value).length; // Code points, as JSON Schema counts.
  if (length < newPasswordLength.least) return words.check.short(newPasswordLength.least);
  if (length > newPasswordLength.most) return words.check.long(newPasswordLength.most);
  return undefined;
}

export function checkAvatarUrl(words: Words, value: string): string | undefined {
  if (!value) return undefined;
  if (!URL.canParse(value) || new URL(value).protocol !== "https:") return words.check.avatar;
  return undefined;
}
