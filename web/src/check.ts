// What the contract asks of fields, checked before sending so that the answer is at once. The server decides.

const emailShape = /^[^@\s]+@[^@\s]+$/;

const newPasswordLength = 12;

export const newPasswordHint = `At least ${newPasswordLength} characters. A few words in a row work well.`;

export function checkEmail(value: string): string | undefined {
  if (!value) return "Enter your e-mail address.";
  if (!emailShape.test(value) || value.length < 3 || value.length > 254) return "Enter an e-mail address like name@example.com.";
  return undefined;
}

export function checkNewPassword(value: string): string | undefined {
  const length = Array.from(value).length; // Code points, as JSON Schema counts.
  if (length < newPasswordLength) return `Use at least ${newPasswordLength} characters.`;
  if (length > 256) return "Use at most 256 characters.";
  return undefined;
}

export function checkAvatarUrl(value: string): string | undefined {
  if (!value) return undefined;
  if (!URL.canParse(value) || new URL(value).protocol !== "https:") return "Enter an address that starts with https://.";
  return undefined;
}
