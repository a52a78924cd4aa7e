// Choices of the reader that outlive the page. A browser may forbid to keep them.

export function kept(name) {
  try {
    return localStorage.getItem(`sfta.${name}`);
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(`sfta.${name}`, value);
  } catch {
    // The choice then holds until the page is closed.
  }
}
