export { reference as kernel } from '../arithmetic-reference.ts';
