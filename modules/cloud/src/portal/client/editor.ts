// The manifest editor: line numbers, marks on the lines with problems, Tab that can be left again with Escape.

export function startEditor(place: HTMLElement): void {
  const area = place.querySelector('textarea');
  const gutter = place.querySelector<HTMLElement>('.editor-gutter');
  if (!area || !gutter) return;
  const marked = new Set((place.dataset.lines ?? '').split(' ').filter((line) => line !== ''));
  const number = () => {
    const count = area.value.split('\n').length;
    if (gutter.childElementCount === count) return;
    gutter.replaceChildren(
      ...Array.from({ length: count }, (_, index) => {
        const line = document.createElement('span');
        line.textContent = String(index + 1);
        if (marked.has(String(index + 1))) line.className = 'has-problem';
        return line;
      }),
    );
  };
  area.addEventListener('input', number);
  area.addEventListener('scroll', () => {
    gutter.scrollTop = area.scrollTop;
  });
  let mayLeave = false;
  area.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') mayLeave = true;
    if (event.key !== 'Tab' || event.shiftKey || mayLeave) return;
    event.preventDefault();
    area.setRangeText('  ', area.selectionStart, area.selectionEnd, 'end');
    number();
  });
  area.addEventListener('focus', () => {
    mayLeave = false;
  });
  for (const link of document.querySelectorAll<HTMLElement>('[data-line]')) {
    link.addEventListener('click', () => goTo(area, Number(link.dataset.line)));
  }
  number();
}

function goTo(area: HTMLTextAreaElement, line: number): void {
  const lines = area.value.split('\n');
  const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
  const height = Number.parseFloat(getComputedStyle(area).lineHeight);
  area.scrollTop = Math.max(0, (line - 5) * height);
}
