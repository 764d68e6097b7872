// What the portal uses of idiomorph, which brings no types.

declare module 'idiomorph' {
  export const Idiomorph: {
    morph(
      old: Element,
      fresh: Element | string,
      options?: { callbacks?: { beforeNodeMorphed?(old: Node, fresh: Node): boolean } },
    ): void;
  };
}
