// Asks before a form with data-confirm is sent, in a dialog that says what will happen.

export function askBeforeSending(): void {
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement)) return;
    const question = form.dataset.confirm;
    if (question === undefined || form.dataset.confirmed === 'yes') {
      lock(form);
      return;
    }
    event.preventDefault();
    const submitter = event.submitter instanceof HTMLButtonElement ? event.submitter : undefined;
    void ask(question, submitter?.textContent?.trim() ?? 'Go on').then((isYes) => {
      if (!isYes) return submitter?.focus();
      form.dataset.confirmed = 'yes';
      form.requestSubmit(submitter);
    });
  });
}

/** A second click must not do it twice. Unlocked when the page is shown again from the browser's store. */
function lock(form: HTMLFormElement): void {
  if (form.method !== 'post') return;
  form.setAttribute('aria-busy', 'true');
  setTimeout(() => {
    for (const button of form.querySelectorAll('button')) button.disabled = true;
  }, 0);
  addEventListener('pageshow', () => {
    form.removeAttribute('aria-busy');
    for (const button of form.querySelectorAll('button')) button.disabled = false;
  });
}

function ask(question: string, yes: string): Promise<boolean> {
  const dialog = document.createElement('dialog');
  const text = document.createElement('p');
  text.textContent = question;
  text.id = 'question';
  dialog.setAttribute('aria-labelledby', text.id);
  const buttons = document.createElement('form');
  buttons.method = 'dialog';
  buttons.className = 'form-foot';
  const accept = button(yes, 'primary', 'yes');
  buttons.append(accept, button('Cancel', 'plain', ''));
  dialog.append(text, buttons);
  document.body.append(dialog);
  dialog.showModal();
  accept.focus();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
  });
}

function button(label: string, kind: string, value: string): HTMLButtonElement {
  const element = document.createElement('button');
  Object.assign(element, { type: 'submit', className: `button ${kind}`, value, textContent: label });
  return element;
}
