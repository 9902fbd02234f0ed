async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {  // not everywhere, nor from a file in every browser
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
for (const button of document.querySelectorAll("button[data-copy]")) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    button.textContent = await copied(button.dataset.copy) ? "Copied" : "Not copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  });
}
