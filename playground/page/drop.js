// Files dragged over an element and dropped there.

/** Calls `take(files)`; while files are over `target` it has the class "dropping". */
export function acceptDrops(target, take) {
  let depth = 0; // enter and leave come once for every child
  const over = (change) => {
    depth = Math.max(0, depth + change);
    target.classList.toggle("dropping", depth > 0);
  };
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  target.addEventListener("dragenter", (event) => carriesFiles(event) && over(1));
  target.addEventListener("dragleave", (event) => carriesFiles(event) && over(-1));
  target.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  target.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    over(-depth);
    take([...event.dataTransfer.files]);
  });
}
