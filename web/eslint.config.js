import js from "@eslint/js";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import globals from "globals";
import tseslint from "typescript-eslint";

// What a person reads stands in the catalogues of src/words alone, where each language has it.
const message = "Put what people read into src/words/english.tsx and the other catalogues.";
const notRead = ":not(JSXAttribute[name.name=/^(className|d|viewBox)$/] *):not(NewExpression[callee.name=/Error$/] *):not(CallExpression[callee.property.name=/^querySelector/] *)";
const readByPeople = [
  "JSXText[value=/\\p{L}/u]",
  "JSXAttribute[name.name=/^(aria-label|aria-description|alt|title|label|lead|hint|placeholder|busyText|text)$/] Literal[value=/\\p{L}/u]",
  `JSXElement > JSXExpressionContainer Literal[value=/\\p{L}/u]${notRead}:not(CallExpression *):not(JSXAttribute *):not(BinaryExpression *)`,
  `JSXElement > JSXExpressionContainer > TemplateLiteral TemplateElement[value.raw=/\\p{L}/u]`,
  `Literal[value=/\\p{L}{2}[,;:.!?…]* \\p{L}/u]${notRead}`,
  `Literal[value=/\\p{L}{2}[.!?…]$/u]${notRead}`,
  `TemplateElement[value.raw=/\\p{L}{2}[,;:.!?…]* \\p{L}|\\p{L}{2}[.!?…]$/u]${notRead}`,
];
const inlineStyle = { selector: "JSXAttribute[name.name='style']", message: "Use a class: inline styles are refused by the content security policy." };

export default tseslint.config(
  { ignores: ["dist", "test-results", "src/api/schema.gen.ts"] },
  js.configs.recommended,
  {
    files: ["**/*.{ts,tsx}"],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Event handlers and route guards hand a promise or a redirect to their caller on purpose.
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { attributes: false } }],
      "@typescript-eslint/only-throw-error": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/consistent-type-definitions": "off",
    },
  },
  {
    files: ["src/**/*.{ts,tsx}", "test/**/*.{ts,tsx}"],
    extends: [reactHooks.configs.flat.recommended, jsxA11y.flatConfigs.strict],
    languageOptions: { globals: globals.browser },
    rules: {
      // The content security policy allows no inline style, and browser storage holds nothing of a session.
      "no-restricted-syntax": ["error", inlineStyle],
      "no-restricted-globals": ["error", "localStorage", "sessionStorage"],
      // Layout gives each page its heading and form focus on purpose.
      "max-lines": ["error", 400],
    },
  },
  {
    files: ["src/**/*.{ts,tsx}"],
    ignores: ["src/words/english.tsx", "src/words/english-more.tsx", "src/words/german.tsx"],
    rules: { "no-restricted-syntax": ["error", inlineStyle, ...readByPeople.map((selector) => ({ selector, message }))] },
  },
  { files: ["scripts/**/*.mjs", "*.js"], languageOptions: { globals: globals.node } },
);
