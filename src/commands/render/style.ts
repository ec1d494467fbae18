import picocolors from 'picocolors';

/** How to draw: width in characters, and colours, which only repeat what the words say. */
export interface Style {
  readonly width: number;
  readonly colors: ReturnType<typeof picocolors.createColors>;
}

export const plain = (width = 80): Style => ({ width, colors: picocolors.createColors(false) });

/** Nothing is cut off where no terminal would wrap it. */
const PIPED_WIDTH = 240;

/** For a stream: its width, and colour as NO_COLOR, FORCE_COLOR and the terminal say. */
export const styleOf = (stream: NodeJS.WriteStream): Style => ({
  width: stream.isTTY ? Math.max(60, stream.columns ?? 80) : PIPED_WIDTH,
  colors: stream.isTTY ? picocolors : picocolors.createColors(false),
});
