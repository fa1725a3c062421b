// The slider between photo and map. Without scripts both lie side by side.
(() => {
  "use strict";
  document.documentElement.classList.add("js");

  const show = (swipe) => {
    const slider = swipe.querySelector("input");
    swipe.style.setProperty("--at", slider.value + "%");
    slider.setAttribute("aria-valuetext", slider.value + " % photo");
  };

  const share = (views, event) => {
    const box = views.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  };

  const drag = (views, event) => {
    const swipe = views.closest(".swipe"), slider = swipe.querySelector("input");
    slider.value = Math.round(100 * share(views, event).x);
    show(swipe);
  };

  const grouped = (value) => value.toFixed(1).replace(/\B(?=(\d{3})+\.)/g, "\u202f");

  const locate = (views, event) => {
    const swipe = views.closest(".swipe"), at = share(views, event), side = Number(swipe.dataset.side);
    const x = Number(swipe.dataset.left) + at.x * side, y = Number(swipe.dataset.top) - at.y * side;
    swipe.querySelector("output").textContent = grouped(x) + ", " + grouped(y);
  };

  // One listener for all swipes of the page, those inside closed parts included.
  const on = (kind, act) => document.addEventListener(kind, (event) => {
    const views = event.target instanceof Element && event.target.closest(".swipe .views");
    if (views) act(views, event);
  });

  document.addEventListener("input", (event) => {
    if (event.target.matches(".swipe input")) show(event.target.closest(".swipe"));
  });
  on("pointerdown", (views, event) => {
    if (event.button !== 0) return;
    event.preventDefault(); // pictures are not to be dragged off
    views.setPointerCapture(event.pointerId);
    views.closest(".swipe").querySelector("input").focus({ preventScroll: true });
    drag(views, event);
  });
  on("pointermove", (views, event) => {
    if (views.hasPointerCapture(event.pointerId)) drag(views, event);
    locate(views, event);
  });

  // A link to something inside a closed part opens it.
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (target.matches("details")) target.open = true;
    for (let part = target.closest("details"); part; part = part.parentElement.closest("details")) {
      part.open = true;
    }
    target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  addEventListener("DOMContentLoaded", open);
})();
