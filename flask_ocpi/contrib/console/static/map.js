// The map: land below, a point for each EVSE above, near ones in clusters. Texts of partners are set as text only.
"use strict";
(async () => {
  const box = document.getElementById("map");
  const { places, land, object, story, failed, objectText, storyText, tiles, by } = box.dataset;
  const map = L.map(box, { preferCanvas: true, minZoom: 2, maxZoom: 19, worldCopyJump: true, attributionControl: Boolean(tiles) });
  map.setView([50, 8], 4);
  const colour = (name) => getComputedStyle(box).getPropertyValue(`--${name}`).trim();
  const read = async (url) => {
    const answer = await fetch(url, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(answer.status);
    return answer.json();
  };
  // A ring is a point in hundredths of a degree, followed by differences.
  const unpacked = (ring) => {
    let [x, y] = [0, 0];
    const points = [];
    for (let i = 0; i < ring.length; i += 2) points.push([(y += ring[i + 1]) / 100, (x += ring[i]) / 100]);
    return points;
  };
  const link = (text, url, values) => {
    const made = document.createElement("a");
    made.textContent = text;
    made.href = `${url}?${new URLSearchParams(values)}`;
    return made;
  };
  const about = (found, [, , status, seconds, source, location, uid, name]) => {
    const [owner, partner] = found.sources[source];
    const lines = document.createElement("div");
    const title = document.createElement("strong");
    const text = document.createElement("div");
    const links = document.createElement("div");
    title.textContent = uid || location;
    text.textContent = [name, owner, found.statuses[status][0], since(seconds)].filter(Boolean).join(" · ");
    links.append(link(objectText, object, { module: "locations", owner, id: location, partner }), " ");
    links.append(link(storyText, story, uid ? { kind: "evse", id: uid } : { kind: "location", id: location }));
    lines.append(title, text, links);
    return lines;
  };
  const since = (seconds) => {
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
      if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
    }
    return `${seconds} s`;
  };
  const tileLayer = () => L.tileLayer(tiles, { attribution: by, maxZoom: 19 }).addTo(map);
  try {
    const [found, rings] = await Promise.all([read(places), tiles ? [] : read(land)]);
    if (tiles) tileLayer();
    const ground = { color: colour("line"), fillColor: colour("panel"), fillOpacity: 1, weight: 1, interactive: false };
    L.polygon(rings.map((ring) => [unpacked(ring)]), ground).addTo(map);
    const colours = { free: colour("good"), busy: colour("accent"), out: colour("bad"), other: colour("faint") };
    const points = found.rows.map((row) => {
      const old = row[3] > found.old;
      const group = found.statuses[row[2]][1];
      return L.circleMarker([row[0], row[1]], {
        row, radius: 7, weight: 2, color: colours[group], fillColor: colours[group], fillOpacity: old ? 0.1 : 0.75,
      });
    });
    // The view is set first, without a movement: clusters are drawn once.
    const view = { maxZoom: 12, padding: [20, 20], animate: false };
    if (points.length) map.fitBounds(L.latLngBounds(points.map((point) => point.getLatLng())), view);
    const clusters = L.markerClusterGroup({ maxClusterRadius: 50 });
    clusters.on("click", (event) => {
      map.openPopup(about(found, event.sourceTarget.options.row), event.latlng);
    });
    clusters.addLayers(points);
    map.addLayer(clusters);
    box.dataset.shown = String(points.length);
  } catch (error) {
    console.error(error);
    box.textContent = failed;
    box.dataset.shown = "failed";
  }
})();
