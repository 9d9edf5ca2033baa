// Classes that are added in this browser: each a sum of features, of models with prototypes.

const SCHEMA = 1;
const key = (space) => `edgessl-enrolled-${space}`;

// A list of added classes for one model. -> {classes, add, forget, scores, text, load}
export function openEnrolled(prototypes, trained) {
  const { space, dim, scale, resultant } = prototypes;
  let classes = [];
  try {
    classes = checked(JSON.parse(localStorage.getItem(key(space)) ?? "null"));
  } catch {
    localStorage.removeItem(key(space)); // damaged, or of another version
  }

  function checked(found) {
    if (found === null) return [];
    if (found?.schema !== SCHEMA || !Array.isArray(found.classes)) throw new Error("no such file");
    if (found.space !== space) throw new Error("of another network");
    const names = new Set(trained);
    return found.classes.map(({ name, images, sum }) => {
      if (typeof name !== "string" || !name.trim() || names.has(name)) throw new Error("a name is empty or twice");
      const whole = Array.isArray(sum) && sum.length === dim && sum.every(Number.isFinite);
      if (!whole || !Number.isInteger(images) || images < 1) throw new Error("no class vectors");
      names.add(name);
      return { name, images, sum };
    });
  }

  const text = () => `${JSON.stringify({ schema: SCHEMA, space, classes })}\n`;

  function keep(next) {
    classes = next;
    try {
      localStorage.setItem(key(space), text());
    } catch {
      throw new Error("This browser does not keep data for the page: download the classes instead.");
    }
  }

  return {
    get classes() { return classes; },

    // Add a class, or images to one; features are unit vectors of `dim` numbers.
    add(name, features) {
      if (!name.trim()) throw new Error("The class must have a name.");
      if (trained.includes(name)) {
        throw new Error(`${name}: the model was trained on it; choose another name.`);
      }
      const before = classes.find((one) => one.name === name);
      const sum = before ? [...before.sum] : new Array(dim).fill(0);
      for (const feature of features) feature.forEach((value, i) => { sum[i] += value; });
      const images = (before?.images ?? 0) + features.length;
      const entry = { name, images, sum: sum.map((value) => Number(value.toFixed(6))) };
      keep(before ? classes.map((one) => (one === before ? entry : one)) : [...classes, entry]);
    },

    forget(name) {
      keep(classes.filter((one) => one.name !== name));
    },

    // The scores of the added classes for one image's features.
    scores(features) {
      return classes.map(({ sum, images }) => {
        const length = Math.max(1e-12, Math.hypot(...sum));
        // Cosines to the mean of few images are smaller: half of that is made up for.
        const squared = images * resultant ** 2;
        const gain = ((squared + 1 - resultant ** 2) / squared) ** 0.25;
        return (scale * gain * sum.reduce((total, value, i) => total + value * features[i], 0)) / length;
      });
    },

    text,

    // Take over the content of an enrolled.json, in place of what is known.
    load(content) {
      try {
        keep(checked(JSON.parse(content)));
      } catch (error) {
        throw new Error(`enrolled.json: must hold classes of this model (${error.message}).`);
      }
    },
  };
}
