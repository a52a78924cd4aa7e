// Light or dark, before anything is drawn: what the reader chose, else what the system says.

(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    if (root.dataset.chosen) return root.dataset.chosen;
    try {
      return localStorage.getItem("sfta.appearance");
    } catch {
      return null;
    }
  }

  function apply() {
    const wish = chosen();
    const system = dark.matches ? "dark" : "light";
    root.dataset.appearance = wish === "dark" || wish === "light" ? wish : system;
  }

  apply();
  dark.addEventListener("change", apply);
  document.addEventListener("appearance", apply);
  addEventListener("storage", apply);
})();
