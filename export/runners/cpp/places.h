// Answers at places of an image: boxes with a class and a score, or a class for each pixel.
// What it needs of main.cpp, Image and UserError, is declared before it is included.

#pragma once

namespace places {

constexpr int64_t COLUMNS = 7;  // image, left, top, right, bottom as shares, score, class
constexpr float SHOWN_SCORE = 0.5f, SURE_SCORE = 0.3f, SAME_IOU = 0.9f, SAME_SCORE = 0.1f;
constexpr double LEAST_BOXES = 0.95, LEAST_PIXELS = 0.99;
static const std::array<std::array<uint8_t, 3>, 8> COLOURS{{
    {11, 122, 111}, {194, 81, 47}, {59, 110, 168}, {183, 121, 31},
    {124, 111, 192}, {176, 69, 127}, {93, 122, 11}, {89, 99, 110}}};

struct Box {
  std::array<float, 4> corners{};  // left, top, right, bottom as shares of width and height
  float score = 0;
  int64_t label = 0;
};

static std::vector<Box> boxes_of(const std::vector<float>& rows, float image = 0) {
  std::vector<Box> boxes;
  for (size_t at = 0; at + COLUMNS <= rows.size(); at += COLUMNS) {
    if (rows[at] != image) continue;
    boxes.push_back({{rows[at + 1], rows[at + 2], rows[at + 3], rows[at + 4]}, rows[at + 5],
                     static_cast<int64_t>(rows[at + 6])});
  }
  return boxes;
}

static float overlap(const Box& a, const Box& b) {
  const auto area = [](const Box& one) {
    return (one.corners[2] - one.corners[0]) * (one.corners[3] - one.corners[1]);
  };
  const float wide = std::min(a.corners[2], b.corners[2]) - std::max(a.corners[0], b.corners[0]);
  const float high = std::min(a.corners[3], b.corners[3]) - std::max(a.corners[1], b.corners[1]);
  const float common = std::max(0.f, wide) * std::max(0.f, high);
  return common / std::max(area(a) + area(b) - common, 1e-12f);
}

// The class of each pixel of logits (classes, side, side).
static Bytes classes_of(const std::vector<float>& logits, int64_t classes) {
  const size_t pixels = logits.size() / static_cast<size_t>(classes);
  Bytes best(pixels, 0);
  std::vector<float> most(logits.begin(), logits.begin() + static_cast<std::ptrdiff_t>(pixels));
  for (int64_t label = 1; label < classes; ++label) {
    for (size_t i = 0; i < pixels; ++i) {
      const float value = logits[static_cast<size_t>(label) * pixels + i];
      if (value > most[i]) {
        most[i] = value;
        best[i] = static_cast<uint8_t>(label);
      }
    }
  }
  return best;
}

static std::string named(const std::vector<std::string>& labels, int64_t label) {
  if (label < 0 || label >= static_cast<int64_t>(labels.size())) {
    throw UserError("labels.txt: must name every class of the model");
  }
  return labels[static_cast<size_t>(label)];
}

static void tell_boxes(const Image& image, const std::vector<Box>& boxes,
                       const std::vector<std::string>& labels) {
  bool any = false;
  for (const auto& box : boxes) {
    if (box.score < SHOWN_SCORE) continue;
    std::printf("%s%s %.1f %% (%.0f,%.0f to %.0f,%.0f)", any ? ", " : "",
                named(labels, box.label).c_str(), 100 * box.score,
                box.corners[0] * image.width, box.corners[1] * image.height,
                box.corners[2] * image.width, box.corners[3] * image.height);
    any = true;
  }
  std::printf("%s\n", any ? "" : "no box");
}

static void tell_classes(const Bytes& classes, const std::vector<std::string>& labels) {
  std::vector<int64_t> pixels(labels.size(), 0);
  for (uint8_t label : classes) {
    named(labels, label);
    ++pixels[label];
  }
  std::vector<size_t> order(labels.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return pixels[a] > pixels[b]; });
  bool any = false;
  for (size_t label : order) {
    const double share = 100.0 * static_cast<double>(pixels[label]) / static_cast<double>(classes.size());
    if (share < 0.1) continue;
    std::printf("%s%s %.1f %%", any ? ", " : "", labels[label].c_str(), share);
    any = true;
  }
  std::printf("\n");
}

static void draw_boxes(Image& image, const std::vector<Box>& boxes) {
  const int64_t line = std::max<int64_t>(2, std::min(image.width, image.height) / 200);
  for (const auto& box : boxes) {
    if (box.score < SHOWN_SCORE) continue;
    const auto& colour = COLOURS[static_cast<size_t>(box.label) % COLOURS.size()];
    const auto left = static_cast<int64_t>(box.corners[0] * image.width);
    const auto top = static_cast<int64_t>(box.corners[1] * image.height);
    const auto right = std::min(image.width, static_cast<int64_t>(box.corners[2] * image.width));
    const auto bottom = std::min(image.height, static_cast<int64_t>(box.corners[3] * image.height));
    for (int64_t y = std::max<int64_t>(0, top); y < bottom; ++y) {
      for (int64_t x = std::max<int64_t>(0, left); x < right; ++x) {
        const bool edge = y - top < line || bottom - y <= line || x - left < line || right - x <= line;
        if (edge) std::copy(colour.begin(), colour.end(), image.rgb.begin() + 3 * (y * image.width + x));
      }
    }
  }
}

// Hues a golden angle apart are in preprocess.json; here the eight colours of boxes serve again.
static void paint(Image& image, const Bytes& classes, int64_t side) {
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width; ++x) {
      const uint8_t label = classes[static_cast<size_t>(y * side / image.height * side + x * side / image.width)];
      const auto& colour = COLOURS[label % COLOURS.size()];
      for (int64_t c = 0; c < 3; ++c) {
        auto& value = image.rgb[static_cast<size_t>(3 * (y * image.width + x) + c)];
        value = static_cast<uint8_t>(0.45 * value + 0.55 * colour[static_cast<size_t>(c)] + 0.5);
      }
    }
  }
}

static void write_ppm(const std::string& path, const Image& image) {
  std::ofstream file(path, std::ios::binary);
  file << "P6\n" << image.width << ' ' << image.height << "\n255\n";
  file.write(reinterpret_cast<const char*>(image.rgb.data()), static_cast<std::streamsize>(image.rgb.size()));
  if (!file) throw UserError(path + ": must be writable; check the folder");
}

// How many of the sure boxes that must be there are there: {same, sure}.
static std::array<int64_t, 2> same_boxes(const std::vector<Box>& found, const std::vector<Box>& expected) {
  int64_t same = 0, sure = 0;
  for (const auto& one : expected) {
    if (one.score < SURE_SCORE) continue;
    ++sure;
    same += std::any_of(found.begin(), found.end(), [&](const Box& other) {
      return other.label == one.label && std::fabs(other.score - one.score) <= SAME_SCORE &&
             overlap(one, other) >= SAME_IOU;
    });
  }
  return {same, sure};
}

}  // namespace places
