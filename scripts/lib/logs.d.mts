export const LOG_BOUND_BYTES: number;
export function rotate(file: string, boundBytes?: number): boolean;
export function tail(file: string, lines?: number): string;
