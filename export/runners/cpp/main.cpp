// Runs the end-to-end model of this bundle on a device: no Python, no torch.
//
//     classify IMAGE...            the most likely classes of each image, boxes, or classes of pixels
//     classify --draw DIR IMAGE... boxes or classes also drawn, as DIR/NAME.ppm
//     classify --selftest          does the model answer here as it did where it was made?
//     classify --bench N           p50 of N runs, on the first test image
//     options: --bundle DIR (default: ..), --model NAME (default: model.e2e.onnx), --threads N
//
// The model takes upright RGB pixels, uint8, (1, height, width, 3) of any size: resize, crop and
// normalisation are inside it. Exit codes: 0 done; 2 something cannot be used; 3 self-test failed.

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <onnxruntime_cxx_api.h>

#ifdef WITH_STB_IMAGE
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#include <stb_image.h>
#endif

using Bytes = std::vector<uint8_t>;

struct Image {
  int64_t height = 0, width = 0;
  Bytes rgb;  // (height, width, 3)
};

struct UserError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

#include "places.h"

static Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError(path + ": must be a readable file; check the path");
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

// --- images --------------------------------------------------------------------------------------

// Binary PPM: "P6 width height 255", then RGB. Comments start with #.
static Image read_ppm(const Bytes& file, const std::string& path) {
  size_t at = 2;
  std::array<int64_t, 3> sizes{};
  for (auto& size : sizes) {
    for (; at < file.size() && (isspace(file[at]) || file[at] == '#'); ++at) {
      if (file[at] == '#') while (at < file.size() && file[at] != '\n') ++at;
    }
    while (at < file.size() && isdigit(file[at]) && size < 1000000) size = 10 * size + file[at++] - '0';
  }
  ++at;  // one white space
  const auto [width, height, most] = sizes;
  const size_t bytes = static_cast<size_t>(3 * width * height);
  if (bytes == 0 || most != 255 || file.size() < at + bytes) {
    throw UserError(path + ": must be a whole PPM with 8 bits a colour; convert it again");
  }
  return {height, width, Bytes(file.begin() + at, file.begin() + at + bytes)};
}

static Image read_image(const std::string& path) {
  const Bytes file = read_file(path);
  if (file.size() > 2 && file[0] == 'P' && file[1] == '6') return read_ppm(file, path);
#ifdef WITH_STB_IMAGE
  int width = 0, height = 0, channels = 0;
  auto* pixels = stbi_load_from_memory(
      file.data(), static_cast<int>(file.size()), &width, &height, &channels, 3);
  if (!pixels) throw UserError(path + ": must be a JPEG, PNG, BMP, GIF or PPM image");
  Image image{height, width, Bytes(pixels, pixels + size_t{3} * width * height)};
  stbi_image_free(pixels);
  return image;
#else
  throw UserError(path + ": must be a binary PPM (P6); build with stb_image for JPEG and PNG");
#endif
}

// --- test vectors: numpy's .npz, a zip of .npy arrays, stored or deflated -------------------------

struct Array {
  std::string type;  // "|u1" uint8, "<f4" float32, "<U..." text in UTF-32; C order, little endian
  std::vector<int64_t> shape;
  Bytes data;
};

static uint32_t number(const Bytes& from, size_t at, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value |= uint32_t{from.at(at + i)} << (8 * i);
  return value;
}

static Bytes slice(const Bytes& from, size_t start, size_t count) {
  if (start > from.size() || count > from.size() - start) {
    throw UserError("testvectors.npz: cut short; copy it again");
  }
  return Bytes(from.begin() + start, from.begin() + start + count);
}

static std::string text(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

// RFC 1951. Slow and short: a table of counts for each code length, one bit at a time.
class Inflate {
 public:
  Inflate(const Bytes& from, size_t unpacked) : from_(from) {
    out_.reserve(std::min(unpacked, 1100 * from.size()));  // deflate cannot do better
    for (bool last = false; !last;) {
      last = bits(1);
      const int kind = bits(2);
      if (kind == 0) stored();
      else if (kind == 1) block(fixed_lengths(), Code(std::vector<int>(30, 5)));
      else if (kind == 2) dynamic();
      else throw UserError("testvectors.npz: damaged; copy it again");
    }
  }
  Bytes take() { return std::move(out_); }

 private:
  struct Code {
    std::array<int, 16> count{};
    std::vector<int> symbols;
    explicit Code(const std::vector<int>& lengths) {
      for (int length : lengths) ++count[length];
      count[0] = 0;
      for (int want = 1; want < 16; ++want) {
        for (size_t i = 0; i < lengths.size(); ++i) {
          if (lengths[i] == want) symbols.push_back(static_cast<int>(i));
        }
      }
    }
  };

  int bits(int count) {
    int value = 0;
    for (int i = 0; i < count; ++i, ++at_) {
      if (at_ / 8 >= from_.size()) throw UserError("testvectors.npz: cut short; copy it again");
      value |= (from_[at_ / 8] >> (at_ % 8) & 1) << i;
    }
    return value;
  }

  int symbol(const Code& code) {
    int value = 0, first = 0, index = 0;
    for (int length = 1; length < 16; ++length) {
      value |= bits(1);
      const int count = code.count[length];
      if (value - count < first) return code.symbols.at(index + value - first);
      index += count;
      first = (first + count) << 1;
      value <<= 1;
    }
    throw UserError("testvectors.npz: damaged; copy it again");
  }

  static Code fixed_lengths() {
    std::vector<int> lengths(288, 8);
    std::fill(lengths.begin() + 144, lengths.begin() + 256, 9);
    std::fill(lengths.begin() + 256, lengths.begin() + 280, 7);
    return Code(lengths);
  }

  void stored() {
    at_ = (at_ + 7) / 8 * 8;
    const int count = bits(16);
    bits(16);  // the complement of the count
    for (int i = 0; i < count; ++i) out_.push_back(static_cast<uint8_t>(bits(8)));
  }

  void dynamic() {
    static const int order[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    const int literals = bits(5) + 257, distances = bits(5) + 1, codes = bits(4) + 4;
    std::vector<int> lengths(19);
    for (int i = 0; i < codes; ++i) lengths[order[i]] = bits(3);
    const Code meta(lengths);
    lengths.clear();
    while (static_cast<int>(lengths.size()) < literals + distances) {
      const int next = symbol(meta);
      if (next < 16) lengths.push_back(next);
      else if (next == 16) lengths.insert(lengths.end(), 3 + bits(2), int{lengths.at(lengths.size() - 1)});
      else lengths.insert(lengths.end(), next == 17 ? 3 + bits(3) : 11 + bits(7), 0);
    }
    block(Code({lengths.begin(), lengths.begin() + literals}),
          Code({lengths.begin() + literals, lengths.begin() + literals + distances}));
  }

  void block(const Code& literals, const Code& distances) {
    static const int length_from[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                      31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const int length_bits[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                      2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    for (int next = symbol(literals); next != 256; next = symbol(literals)) {
      if (next < 256) {
        out_.push_back(static_cast<uint8_t>(next));
        continue;
      }
      if (next > 285) throw UserError("testvectors.npz: damaged; copy it again");
      const int length = length_from[next - 257] + bits(length_bits[next - 257]);
      const int far = symbol(distances);
      const int extra = far < 4 ? 0 : far / 2 - 1;  // 1 2 3 4, then two codes for each extra bit
      const size_t distance = (far < 4 ? far + 1 : ((2 + far % 2) << extra) + 1) + bits(extra);
      if (distance > out_.size()) throw UserError("testvectors.npz: damaged; copy it again");
      for (int i = 0; i < length; ++i) out_.push_back(out_[out_.size() - distance]);
    }
  }

  const Bytes& from_;
  size_t at_ = 0;  // in bits
  Bytes out_;
};

// "\x93NUMPY", version, header length, a Python dict as text, then the values.
static Array read_npy(const Bytes& bytes) {
  const bool wide = bytes.at(6) > 1;
  const size_t from = wide ? 12 : 10, length = number(bytes, 8, wide ? 4 : 2);
  const std::string header = text(slice(bytes, from, length));
  Array array;
  const size_t type = header.find('\'', header.find(':', header.find("'descr'"))) + 1;
  array.type = header.substr(type, header.find('\'', type) - type);
  const size_t open = header.find('(', header.find("'shape'"));
  std::istringstream shape(header.substr(open + 1, header.find(')', open) - open - 1));
  for (std::string size; std::getline(shape, size, ',');) {
    if (size.find_first_of("0123456789") != std::string::npos) array.shape.push_back(std::stoll(size));
  }
  array.data = slice(bytes, from + length, bytes.size() - from - length);
  return array;
}

static std::map<std::string, Array> read_npz(const std::string& path) {
  const Bytes file = read_file(path);
  size_t end = file.size() < 22 ? 0 : file.size() - 22;
  while (end > 0 && number(file, end, 4) != 0x06054b50) --end;
  if (end == 0) throw UserError(path + ": must be a zip file; copy it again");
  std::map<std::string, Array> arrays;
  size_t at = number(file, end + 16, 4);
  for (uint32_t left = number(file, end + 10, 2); left > 0; --left) {
    const uint32_t method = number(file, at + 10, 2), packed = number(file, at + 20, 4);
    const uint32_t unpacked = number(file, at + 24, 4), name_bytes = number(file, at + 28, 2);
    const std::string name = text(slice(file, at + 46, name_bytes));
    const size_t header = number(file, at + 42, 4);
    const size_t start = header + 30 + number(file, header + 26, 2) + number(file, header + 28, 2);
    if (method != 0 && method != 8) throw UserError(path + ": damaged; copy it again");
    const Bytes stored = slice(file, start, packed);
    arrays[name.substr(0, name.rfind(".npy"))] =
        read_npy(method == 0 ? stored : Inflate(stored, unpacked).take());
    at += 46 + name_bytes + number(file, at + 30, 2) + number(file, at + 32, 2);
  }
  return arrays;
}

static const Array& named(const std::map<std::string, Array>& arrays, const std::string& name) {
  const auto found = arrays.find(name);
  if (found == arrays.end()) throw UserError("testvectors.npz: holds no '" + name + "'");
  return found->second;
}

static Image image_of(const Array& array) {
  const auto& shape = array.shape;
  if (array.type != "|u1" || shape.size() != 3 || shape[2] != 3 ||
      array.data.size() != static_cast<size_t>(3 * shape[0] * shape[1])) {
    throw UserError("testvectors.npz: images must be uint8 of shape (height, width, 3)");
  }
  return {array.shape[0], array.shape[1], array.data};
}

// The value after "key": in JSON text, from `start` on; enough for flat documents that we wrote.
static std::string json_value(const std::string& text, const std::string& key, size_t start = 0) {
  const std::string quoted = '"' + key + "\":";
  const size_t found = text.find(quoted, start);
  if (found == std::string::npos) throw UserError("no '" + key + "' in the model's record");
  const size_t from = text.find_first_not_of(" \"", found + quoted.size());
  return text.substr(from, text.find_first_of(",}\"", from) - from);
}

// The numbers of a list such as "key": [0.5, 0.25]; none where there is no such list.
static std::vector<double> json_numbers(const std::string& text, const std::string& key) {
  std::vector<double> numbers;
  const std::string quoted = '"' + key + "\":";
  const size_t found = text.find(quoted);
  if (found == std::string::npos) return numbers;
  const size_t open = text.find('[', found), close = text.find(']', found);
  if (open == std::string::npos || close == std::string::npos || open > close) {
    throw UserError("'" + key + "' in the model's record must be a list of numbers");
  }
  std::istringstream list(text.substr(open + 1, close - open - 1));
  for (std::string one; std::getline(list, one, ',');) numbers.push_back(std::stod(one));
  return numbers;
}

// --- the model -----------------------------------------------------------------------------------

class Model {
 public:
  Model(const std::string& path, int threads)
      : environment_(ORT_LOGGING_LEVEL_ERROR, "classify"), session_(open(environment_, path, threads)) {
    Ort::AllocatorWithDefaultOptions allocator;
    input_ = session_.GetInputNameAllocated(0, allocator).get();
    output_ = session_.GetOutputNameAllocated(0, allocator).get();
    const auto type = session_.GetInputTypeInfo(0);
    if (type.GetTensorTypeAndShapeInfo().GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8) {
      throw UserError(path + ": must take uint8 pixels; use model.e2e.onnx or model.e2e.int8.onnx");
    }
    const auto about =
        session_.GetModelMetadata().LookupCustomMetadataMapAllocated("edgessl", allocator);
    if (!about) throw UserError(path + ": must carry its record; pass a file of `edgessl export`");
    head = json_value(about.get(), "head");
    thresholds = json_numbers(about.get(), "thresholds");
    const std::string record = about.get();
    if (record.find("\"reject_below\":") != std::string::npos) {
      const std::string below = json_value(record, "reject_below");
      if (below != "null") reject_below = std::stod(below);
    }
  }

  std::vector<float> run(const Image& image) {
    const std::array<int64_t, 4> shape{1, image.height, image.width, 3};
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    auto* pixels = const_cast<uint8_t*>(image.rgb.data());  // the API takes it so; it only reads
    const auto tensor = Ort::Value::CreateTensor<uint8_t>(
        memory, pixels, image.rgb.size(), shape.data(), shape.size());
    const char* inputs[] = {input_.c_str()};
    const char* outputs[] = {output_.c_str()};
    const auto results = session_.Run(Ort::RunOptions{nullptr}, inputs, &tensor, 1, outputs, 1);
    const auto* values = results[0].GetTensorData<float>();
    shape_ = results[0].GetTensorTypeAndShapeInfo().GetShape();
    return {values, values + results[0].GetTensorTypeAndShapeInfo().GetElementCount()};
  }

  const std::vector<int64_t>& shape() const { return shape_; }  // of the last output
  bool finds_boxes() const { return head == "detections"; }
  bool names_pixels() const { return head == "pixel_logits"; }

  std::string head;  // "logits", "probs", "features" or "prototypes", whose scores are as logits;
                     // "detections" or "pixel_logits"
  std::vector<double> thresholds;  // of the classes, where an image may show several
  double reject_below = 0;  // probability of the best class under which it is none of these

 private:
  static Ort::Session open(Ort::Env& environment, const std::string& path, int threads) {
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(threads);
    options.SetInterOpNumThreads(1);
    // Spinning threads burn a core while they wait, and slow each other down on a busy machine.
    options.AddConfigEntry("session.intra_op.allow_spinning", "0");
#ifdef _WIN32
    return Ort::Session(environment, std::wstring(path.begin(), path.end()).c_str(), options);
#else
    return Ort::Session(environment, path.c_str(), options);
#endif
  }

  Ort::Env environment_;
  Ort::Session session_;
  std::string input_, output_;
  std::vector<int64_t> shape_;
};

// --- what it does --------------------------------------------------------------------------------

static std::vector<std::string> read_labels(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> labels;
  for (std::string line; std::getline(file, line);) labels.push_back(line);
  return labels;
}

// Tell boxes or classes of pixels, and draw them where a folder is named.
static void predict_places(Model& model, const std::string& path,
                           const std::vector<std::string>& labels, const std::string& folder) {
  Image image = read_image(path);
  const auto output = model.run(image);
  std::printf("%s: ", path.c_str());
  if (model.finds_boxes()) {
    const auto boxes = places::boxes_of(output);
    places::tell_boxes(image, boxes, labels);
    places::draw_boxes(image, boxes);
  } else {
    const auto classes = places::classes_of(output, model.shape().at(1));
    places::tell_classes(classes, labels);
    places::paint(image, classes, model.shape().at(2));
  }
  if (folder.empty()) return;
  const size_t from = path.find_last_of("/\\") + 1;  // npos + 1 is 0
  places::write_ppm(folder + "/" + path.substr(from, path.rfind('.') - from) + ".ppm", image);
}

static void predict(Model& model, const std::string& path, const std::vector<std::string>& labels) {
  const auto output = model.run(read_image(path));
  std::printf("%s: ", path.c_str());
  if (model.head == "features") {
    const double norm = std::sqrt(std::inner_product(output.begin(), output.end(), output.begin(), 0.0));
    std::printf("%zu features, norm %.4f\n", output.size(), norm);
    return;
  }
  if (labels.size() != output.size()) throw UserError("labels.txt: must name every output of the model");
  const float most = *std::max_element(output.begin(), output.end());
  std::vector<double> shares(output.begin(), output.end());
  if (!model.thresholds.empty()) {
    if (model.thresholds.size() != output.size()) throw UserError(path + ": one threshold a class is needed");
    if (model.head == "logits") for (auto& share : shares) share = 1 / (1 + std::exp(-share));
  } else if (model.head != "probs") {
    for (auto& share : shares) share = std::exp(share - most);
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    for (auto& share : shares) share /= sum;
  }
  std::vector<size_t> best(output.size());
  std::iota(best.begin(), best.end(), size_t{0});
  std::stable_sort(best.begin(), best.end(), [&](size_t a, size_t b) { return shares[a] > shares[b]; });
  if (!model.thresholds.empty()) {
    bool any = false;
    for (size_t k : best) {
      if (shares[k] < model.thresholds[k]) continue;
      std::printf("%s%s %.1f %%", any ? ", " : "", labels[k].c_str(), 100 * shares[k]);
      any = true;
    }
    if (!any) {
      std::printf("none of the classes (likeliest: %s %.1f %%, shown from %.1f %% on)",
                  labels[best[0]].c_str(), 100 * shares[best[0]], 100 * model.thresholds[best[0]]);
    }
    std::printf("\n");
    return;
  }
  const bool unsure = shares[best[0]] < model.reject_below;
  if (unsure) std::printf("none of these (");
  for (size_t i = 0; i < std::min<size_t>(5, best.size()); ++i) {
    std::printf("%s%s %.1f %%", i ? ", " : "", labels[best[i]].c_str(), 100 * shares[best[i]]);
  }
  std::printf(unsure ? ")\n" : "\n");
}

static std::vector<float> floats_of(const Array& array) {
  std::vector<float> values(array.data.size() / sizeof(float));
  if (array.type != "<f4") throw UserError("testvectors.npz: must hold float32 here");
  std::memcpy(values.data(), array.data.data(), sizeof(float) * values.size());
  return values;
}

static bool selftest_places(Model& model, const std::string& bundle, const std::string& name) {
  const auto vectors = read_npz(bundle + "/testvectors.npz");
  const Array& expected = named(vectors, (model.finds_boxes() ? "detections/" : "classes/") + name);
  const std::vector<float> rows = model.finds_boxes() ? floats_of(expected) : std::vector<float>();
  int64_t same = 0, all = 0;
  for (int64_t row = 0; vectors.count("image_" + std::to_string(row)); ++row) {
    const auto output = model.run(image_of(named(vectors, "image_" + std::to_string(row))));
    if (model.finds_boxes()) {
      const auto [found, sure] = places::same_boxes(
          places::boxes_of(output), places::boxes_of(rows, static_cast<float>(row)));
      same += found;
      all += sure;
      continue;
    }
    const auto classes = places::classes_of(output, model.shape().at(1));
    if (expected.data.size() < (static_cast<size_t>(row) + 1) * classes.size()) {
      throw UserError("testvectors.npz: gives other sizes than " + name);
    }
    for (size_t i = 0; i < classes.size(); ++i) {
      same += classes[i] == expected.data[static_cast<size_t>(row) * classes.size() + i];
    }
    all += static_cast<int64_t>(classes.size());
  }
  const double least = model.finds_boxes() ? places::LEAST_BOXES : places::LEAST_PIXELS;
  const bool passed = static_cast<double>(same) >= least * static_cast<double>(all);
  std::printf("  %s  %s: %lld of %lld %s as they must be\n", passed ? "pass" : "FAIL", name.c_str(),
              static_cast<long long>(same), static_cast<long long>(all),
              model.finds_boxes() ? "boxes" : "pixels");
  std::printf("self-test: %s (onnxruntime %s)\n", passed ? "passed" : "FAILED",
              Ort::GetVersionString().c_str());
  return passed;
}

static bool selftest(Model& model, const std::string& bundle, const std::string& name) {
  const auto vectors = read_npz(bundle + "/testvectors.npz");
  std::string about;  // UTF-32; the few keys that matter here are ASCII
  const Bytes& wide = named(vectors, "about").data;
  for (size_t i = 0; i + 3 < wide.size(); i += 4) {
    about += wide[i + 1] || wide[i + 2] ? '?' : static_cast<char>(wide[i]);
  }
  const Array& expected = named(vectors, "outputs/" + name);
  const size_t rule = about.find('"' + name + '"', about.find("\"models\":"));
  const double atol = std::stod(json_value(about, "atol", rule));
  const double rtol = std::stod(json_value(about, "rtol", rule));
  const int64_t rows = expected.shape.at(0), columns = expected.shape.at(1);
  std::vector<float> wanted(expected.data.size() / sizeof(float));
  if (expected.type != "<f4" || rows * columns != static_cast<int64_t>(wanted.size())) {
    throw UserError("testvectors.npz: outputs must be float32 of shape (images, outputs)");
  }
  std::memcpy(wanted.data(), expected.data.data(), sizeof(float) * wanted.size());

  float largest = 0, worst = 0;
  for (float value : wanted) largest = std::max(largest, std::fabs(value));
  const double limit = atol + rtol * largest;
  int64_t same = 0, changed = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const auto got = model.run(image_of(named(vectors, "image_" + std::to_string(row))));
    if (static_cast<int64_t>(got.size()) != columns) throw UserError(name + ": gives another shape");
    const float* want = wanted.data() + row * columns;
    for (int64_t i = 0; i < columns; ++i) {
      const float difference = std::fabs(got[i] - want[i]);
      if (!(difference <= worst)) worst = difference;  // a NaN stays
    }
    const auto best = std::max_element(got.begin(), got.end()) - got.begin();
    const auto first = std::max_element(want, want + columns) - want;
    same += best == first;
    changed += !(want[first] - want[best] <= limit);  // not between classes as close as that
  }
  const bool passed = worst <= limit && (model.head == "features" || changed == 0);
  std::printf("  %s  %s: |d| up to %.1e, limit %.1e; same top-1 on %lld of %lld\n",
              passed ? "pass" : "FAIL", name.c_str(), worst, limit,
              static_cast<long long>(same), static_cast<long long>(rows));
  std::printf("self-test: %s (onnxruntime %s)\n", passed ? "passed" : "FAILED",
              Ort::GetVersionString().c_str());
  return passed;
}

static void bench(Model& model, const std::string& bundle, int runs, const std::string& name) {
  const auto vectors = read_npz(bundle + "/testvectors.npz");
  const Image image = image_of(named(vectors, "image_0"));
  std::vector<double> ms;
  for (int i = -runs / 10 - 5; i < runs; ++i) {  // the first ones warm up
    const auto start = std::chrono::steady_clock::now();
    model.run(image);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    if (i >= 0) ms.push_back(took.count());
  }
  std::sort(ms.begin(), ms.end());
  const double p50 = (ms[(ms.size() - 1) / 2] + ms[ms.size() / 2]) / 2;
  std::printf("%s: p50 %.2f ms, fastest %.2f ms, %d runs, %lldx%lld pixels, preprocessing inside\n",
              name.c_str(), p50, ms.front(), runs, static_cast<long long>(image.width),
              static_cast<long long>(image.height));
}

static int positive(const std::string& option, const char* text) {
  try {
    const int value = std::stoi(text);
    if (value > 0) return value;
  } catch (const std::logic_error&) {
  }
  throw UserError(option + ": must be a number over 0, got '" + text + "'");
}

static int run(int count, char** arguments) {
  std::string bundle = "..", name = "model.e2e.onnx", folder;
  std::vector<std::string> images;
  bool test = false;
  int runs = 0, threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  for (int i = 1; i < count; ++i) {
    const std::string word = arguments[i];
    const bool valued = word == "--bundle" || word == "--model" || word == "--threads" ||
                        word == "--bench" || word == "--draw";
    if (valued && i + 1 == count) throw UserError(word + ": must be followed by a value");
    if (word == "--selftest") test = true;
    else if (word == "--bundle") bundle = arguments[++i];
    else if (word == "--model") name = arguments[++i];
    else if (word == "--draw") folder = arguments[++i];
    else if (word == "--threads") threads = positive(word, arguments[++i]);
    else if (word == "--bench") runs = positive(word, arguments[++i]);
    else if (word.rfind("--", 0) == 0) throw UserError(word + ": unknown option; see main.cpp's first lines");
    else images.push_back(word);
  }
  if (images.empty() && !test && runs == 0) {
    throw UserError("IMAGE: must be at least one image, or --selftest, or --bench N");
  }
  const std::string path = bundle + "/" + name;
  if (!std::ifstream(path)) throw UserError(path + ": must be a model file; check --bundle, --model");
  Model model(path, threads);
  const auto labels = read_labels(bundle + "/labels.txt");
  const bool places = model.finds_boxes() || model.names_pixels();
  if (!folder.empty() && !places) throw UserError("--draw: must come with a detector or a segmenter");
  for (const auto& image : images) {
    if (places) predict_places(model, image, labels, folder);
    else predict(model, image, labels);
  }
  const bool passed = !test || (places ? selftest_places : selftest)(model, bundle, name);
  if (runs > 0) bench(model, bundle, runs, name);
  return passed ? 0 : 3;
}

int main(int count, char** arguments) {
  try {
    return run(count, arguments);
  } catch (const std::exception& error) {  // ours, onnxruntime's, and of damaged files
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
