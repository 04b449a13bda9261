#include "trainer/interchange/tensor_file.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/support/catch.h"
#include "tests/support/damage.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {
namespace {

using nlohmann::json;
using tests::message_of;
using tests::TempFolder;

std::string safetensors(const json& header, const std::string& data) {
  std::string text = header.dump();
  uint64_t length = text.size();
  std::string file(sizeof length, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  return file + text + data;
}

json entry(const std::string& type, std::vector<int64_t> shape, uint64_t begin, uint64_t end) {
  return {{"dtype", type}, {"shape", std::move(shape)}, {"data_offsets", {begin, end}}};
}

std::vector<float> numbers_of(const StoredTensor& tensor) {
  std::vector<float> numbers;
  read_numbers("t", tensor, [&](const std::vector<float>& piece) {
    numbers.insert(numbers.end(), piece.begin(), piece.end());
  });
  return numbers;
}

// By the definition in IEEE 754-2019, section 3.4, in double.
double half(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double magnitude = exponent == 0 ? fraction * std::pow(2.0, -24)
                                         : (1 + fraction / 1024.0) * std::pow(2.0, exponent - 15);
  return bits & 0x8000 ? -magnitude : magnitude;
}

template <typename T>
std::string bytes_of(const std::vector<T>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T)};
}

}  // namespace

TEST_CASE("every finite half and bfloat is read as the number that it is") {
  TempFolder folder;
  std::vector<uint16_t> halves, bfloats;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    if ((bits >> 10 & 31) != 31) halves.push_back(static_cast<uint16_t>(bits));
    if ((bits >> 7 & 255) != 255) bfloats.push_back(static_cast<uint16_t>(bits));
  }
  const uint64_t a = 2 * halves.size(), b = a + 2 * bfloats.size();
  auto file = folder.write(
      "a.safetensors",
      safetensors({{"h", entry("F16", {static_cast<int64_t>(halves.size())}, 0, a)},
                   {"b", entry("BF16", {static_cast<int64_t>(bfloats.size()), 1}, a, b)}},
                  bytes_of(halves) + bytes_of(bfloats)));
  auto tensors = tensors_in_file(file);
  std::vector<float> h = numbers_of(tensors.at("h")), f = numbers_of(tensors.at("b"));
  REQUIRE(h.size() == halves.size());
  REQUIRE(f.size() == bfloats.size());
  for (size_t i = 0; i < h.size(); ++i) REQUIRE(static_cast<double>(h[i]) == half(halves[i]));
  // bfloat16 is the upper half of a float.
  for (size_t i = 0; i < f.size(); ++i)
    REQUIRE(std::bit_cast<uint32_t>(f[i]) == static_cast<uint32_t>(bfloats[i]) << 16);
}

TEST_CASE("what is written is read back, in order and to the last bit") {
  TempFolder folder;
  std::vector<NamedTensor> tensors = {{"a", {2, 3}}, {"b", {}}, {"c", {0, 5}}, {"d", {4}}};
  std::map<std::string, std::vector<float>> numbers = {
      {"a", {1, -2, 3e-40f, 4, 1e38f, 6}}, {"b", {7}}, {"c", {}}, {"d", {0, -0.0f, 1, 2}}};
  write_tensor_file(folder / "a.safetensors", tensors,
                    [&](const NamedTensor& t, const NumberSink& out) { out(numbers.at(t.name)); });
  auto read = tensors_in_file(folder / "a.safetensors");
  REQUIRE(read.size() == 4);
  for (const NamedTensor& tensor : tensors) {
    CHECK(read.at(tensor.name).shape == tensor.shape);
    CHECK(bytes_of(numbers_of(read.at(tensor.name))) == bytes_of(numbers.at(tensor.name)));
  }
}

TEST_CASE("headers that promise what no file holds are refused by name") {
  TempFolder folder;
  auto message = [&](const json& header, const std::string& data = std::string(16, '\0')) {
    auto file = folder.write("a.safetensors", safetensors(header, data));
    return message_of([&] { tensors_in_file(file); });
  };
  CHECK_THAT(message({{"t", entry("F32", {-1, -4}, 0, 16)}}), has_text("t: its shape holds -1"));
  CHECK_THAT(message({{"t", entry("F32", {1LL << 40, 1LL << 40}, 0, 16)}}),
             has_text("larger than any file"));
  CHECK_THAT(message({{"t", entry("F32", {1LL << 62}, 0, 0)}}), has_text("larger than any file"));
  CHECK_THAT(message({{"t", entry("F32", {0, 1LL << 62}, 0, 0)}}),
             has_text("larger than any file"));
  CHECK_THAT(message({{"t", entry("F32", {4}, 0, 20)}}), has_text("outside the file"));
  CHECK_THAT(message({{"t", entry("F32", {4}, 16, 0)}}), has_text("outside the file"));
  CHECK_THAT(message({{"t", entry("F32", {3}, 0, 16)}}), has_text("does not match its shape"));
  CHECK_THAT(message({{"t", entry("I64", {2}, 0, 16)}}), has_text("numbers of type I64"));
  CHECK_THAT(message({{"t", entry("F32", {2}, 0, 8)}, {"u", entry("F32", {2}, 4, 12)}}),
             has_text("u: shares its bytes"));
  CHECK_THAT(message({{"t", 3}}), has_text("its header is damaged"));
  CHECK_THAT(message(json::array()), has_text("no JSON object"));
  std::string text = R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":"F32",)"
                     R"("shape":[1],"data_offsets":[4,8]}})";
  uint64_t length = text.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  CHECK_THAT(
      message_of([&] {
        tensors_in_file(folder.write("twice.safetensors", file + text + std::string(8, 'x')));
      }),
      has_text("t: is there twice"));
  float infinite = INFINITY;
  auto bad = folder.write("inf.safetensors", safetensors({{"t", entry("F32", {1}, 0, 4)}},
                                                         bytes_of(std::vector<float>{infinite})));
  CHECK_THAT(message_of([&] { numbers_of(tensors_in_file(bad).at("t")); }),
             has_text("number 0 is not finite"));
}

TEST_CASE("an index may not lead out of its folder, and its shards must hold what it says") {
  TempFolder folder;
  folder.write("a.safetensors",
               safetensors({{"t", entry("F32", {4}, 0, 16)}}, std::string(16, 'x')));
  auto message = [&](const json& map) {
    folder.write("model.safetensors.index.json", json{{"weight_map", map}}.dump());
    return message_of([&] { tensors_in_folder(folder.path()); });
  };
  CHECK(message({{"t", "a.safetensors"}}) == "(nothing was thrown)");
  for (const char* name : {"../a.safetensors", "/etc/passwd", "..", "", "sub/a.safetensors"})
    CHECK_THAT(message({{"t", name}}), has_text("the name of a file beside it was expected"));
  CHECK_THAT(message({{"t", 3}}), has_text("the name of a file beside it"));
  CHECK_THAT(message({{"u", "a.safetensors"}}), has_text("u is missing"));
  CHECK_THAT(message({{"t", "b.safetensors"}}), has_text("b.safetensors: cannot be read"));
  CHECK_THAT(message(json::array()), has_text("maps no weights to files"));
  std::filesystem::remove(folder / "model.safetensors.index.json");
  CHECK_THAT(message_of([&] { tensors_in_folder(folder.path()); }), has_text("holds neither"));
  folder.write("pytorch_model.bin", "x");
  CHECK_THAT(message_of([&] { tensors_in_folder(folder.path()); }),
             has_text("pickled Python objects") && has_text("save_pretrained"));
}

TEST_CASE("a mutated file is refused or gives numbers inside it, and never more") {
  TempFolder folder;
  const std::string whole =
      safetensors({{"__metadata__", {{"format", "pt"}}},
                   {"model.norm.weight", entry("F32", {4}, 0, 16)},
                   {"model.embed_tokens.weight", entry("BF16", {2, 3}, 16, 28)},
                   {"lm_head.weight", entry("F16", {3, 2}, 28, 40)}},
                  std::string(40, '\1'));
  std::mt19937 draw(11);
  int64_t refused = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::string bytes = tests::damaged(whole, draw, 3);
    auto file = folder.write("m.safetensors", bytes);
    try {
      for (const auto& [name, tensor] : tensors_in_file(file)) {
        const size_t read = numbers_of(tensor).size();
        CHECK(read == tensor.count);
        CHECK(tensor.count <= bytes.size());
      }
    } catch (const std::invalid_argument& error) {
      ++refused;
      REQUIRE_THAT(error.what(), has_text("m.safetensors: "));
    }
  }
  CHECK(refused > 3000);
}

}  // namespace crosslaw::trainer
