/**
 * PINs that many people have, and that no rule of pin-rules.ts refuses anyway: what consists of 6 to 12 digits
 * among the 2,000 most frequent passwords of the list of the UK's National Cyber Security Centre (2019, from Have
 * I Been Pwned), as kept by danielmiessler/SecLists (MIT) in
 * Passwords/Common-Credentials/100k-most-used-passwords-NCSC.txt @13dfe500.
 * @module
 */
export const commonPins: readonly string[] = `
159753 789456123 123654 789456 159357 147258369 5201314 147258 147852 123654789 123789
456123 147852369 142536 4815162342 124578 852456 135790 246810 134679 753951 1314520
1029384756 963852741 7758521 951753 9379992 321654 1123581321 123698745 456852 8675309
1478963 111222333 963852 7895123 147896325 258456 9111961 31415926 123987 192837465
321654987 12369874 123321123 14789632 135792468 7894561230 654123`
  .trim()
  .split(/\s+/);
