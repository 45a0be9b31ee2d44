import js from '@eslint/js'
import a11y from 'eslint-plugin-jsx-a11y'
import reactHooks from 'eslint-plugin-react-hooks'
import globals from 'globals'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

/** Imports point one way: pages → modules → components → api. */
function mayNotImport(folder, forbidden, reason) {
  return {
    files: [`src/${folder}/**/*.{ts,tsx}`],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: forbidden.map((name) => `**/${name}/**`), message: reason }] },
      ],
    },
  }
}

export default defineConfig([
  globalIgnores(['dist', 'src/api/schema.gen.ts']),
  js.configs.recommended,
  tseslint.configs.strict,
  reactHooks.configs.flat['recommended-latest'],
  a11y.flatConfigs.recommended,
  {
    languageOptions: { globals: globals.browser },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-console': 'error',
      eqeqeq: ['error', 'always'],
      'no-restricted-properties': [
        'error',
        {
          object: 'crypto',
          property: 'randomUUID',
          message: 'It is missing over plain http by address. Use randomId() of api/ids.',
        },
      ],
    },
  },
  mayNotImport('api', ['components', 'modules', 'pages'], 'api/ knows no view.'),
  mayNotImport('components', ['api', 'modules', 'pages'], 'components/ have no domain.'),
  mayNotImport('modules', ['pages'], 'modules/ do not know which page shows them.'),
])
