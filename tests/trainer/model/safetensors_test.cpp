#include "trainer/model/safetensors.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "db/files/content_hash.h"
#include "tests/support/catch.h"
#include "tests/support/full_disk.h"
#include "tests/support/safetensors.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {
namespace {

using nlohmann::json;
using tests::message_of;
using tests::read_safetensors;
using tests::TempFolder;
using tests::write_safetensors;

std::filesystem::path write_raw(const TempFolder& folder, const std::string& header,
                                const std::string& data) {
  uint64_t length = header.size();
  return folder.write("x.safetensors",
                      std::string(reinterpret_cast<const char*>(&length), 8) + header + data);
}

std::string entry(const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

}  // namespace

// A second reader, from the format's description.
TEST_CASE("a written file is what the safetensors format says, byte for byte") {
  TempFolder folder;
  std::map<std::string, at::Tensor> tensors = {{"b.weight", at::arange(6, at::kFloat).view({2, 3})},
                                               {"a", at::scalar_tensor(2.5, at::kFloat)},
                                               {"none", at::empty({0, 4})}};
  write_safetensors(folder / "x.safetensors", tensors);
  std::string bytes = tests::read_file(folder / "x.safetensors");
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  CHECK(length % 8 == 0);  // so that the data are aligned
  json header = json::parse(bytes.substr(8, length));
  CHECK(header["__metadata__"]["format"] == "pt");
  CHECK(header.size() == 4);
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const auto& [name, tensor] : tensors) {
    const json& j = header.at(name);
    CHECK(j["dtype"] == "F32");
    CHECK(j["shape"].get<std::vector<int64_t>>() == tensor.sizes().vec());
    uint64_t begin = j["data_offsets"][0], end = j["data_offsets"][1];
    REQUIRE(end - begin == tensor.nbytes());
    CHECK(bytes.compare(8 + length + begin, end - begin,
                        std::string(static_cast<const char*>(tensor.const_data_ptr()),
                                    tensor.nbytes())) == 0);
    ranges.emplace_back(begin, end);
  }
  std::sort(ranges.begin(), ranges.end());
  uint64_t at = 0;
  for (auto [begin, end] : ranges) CHECK(std::exchange(at, end) == begin);  // no holes, no overlap
  CHECK(8 + length + at == bytes.size());
}

TEST_CASE("tensors of any shape come back, views as what they show") {
  TempFolder folder;
  at::Tensor whole = at::arange(24, at::kFloat).view({4, 6});
  std::map<std::string, at::Tensor> tensors = {
      {"transposed", whole.t()},
      {"rows", whole.narrow(0, 1, 2)},
      {"columns", whole.narrow(1, 2, 3)},
      {"special", at::tensor({0.0f, -0.0f, INFINITY, -INFINITY, 1e-45f, 3.4e38f})},
      {"deep", at::zeros({1, 2, 1, 3, 1})},
      {"\xC3\xA9 \"quoted\"", at::ones({1})}};
  write_safetensors(folder / "x.safetensors", tensors);
  auto read = read_safetensors(folder / "x.safetensors");
  REQUIRE(read.size() == tensors.size());
  for (const auto& [name, tensor] : tensors) {
    INFO(name);
    CHECK(at::equal(read.at(name), tensor));
    CHECK(read.at(name).sizes() == tensor.sizes());
  }
  CHECK(std::signbit(read.at("special")[1].item<float>()));
  write_safetensors(folder / "empty.safetensors", {});
  CHECK(read_safetensors(folder / "empty.safetensors").empty());
}

TEST_CASE("headers that lie are refused by file, whatever they promise") {
  TempFolder folder;
  const std::string data(8, 'x');
  CHECK(read_safetensors(write_raw(folder, entry("[2]", "[0,8]"), data)).size() == 1);
  for (const std::string& header : {
           entry("[2]", "[0,9]"),
           entry("[2]", "[8,0]"),
           entry("[2]", "[0]"),
           entry("[2]", "[-8,0]"),
           entry("[2]", "\"0,8\""),
           entry("[1]", "[0,8]"),
           entry("[-2]", "[0,8]"),
           entry("[-1,-2]", "[0,8]"),
           entry("[1.5]", "[0,8]"),
           entry("2", "[0,8]"),
           entry("[4611686018427387905]", "[0,4]"),    // times 4 is 4, past 64 bits
           entry("[4294967296,4294967296]", "[0,0]"),  // the product is 0, past 64 bits
           entry("[9223372036854775807,9223372036854775807]", "[0,4]"),
           entry("[1000000000000]", "[0,8]"),
           entry("[18446744073709551615]", "[0,8]"),
           std::string(R"({"a":{"shape":[2],"data_offsets":[0,8]}})"),
           std::string(R"({"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}})"),
           std::string(R"({"a":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}})"),
           std::string(R"({"a":3})"),
           std::string(R"({"a":{"dtype":"F32")"),
           std::string("[1]"),
           std::string("null"),
           std::string(),
       }) {
    INFO(header);
    auto file = write_raw(folder, header, data);
    CHECK_THROWS_AS(read_safetensors(file), std::runtime_error);
    std::string message = message_of([&] { read_safetensors(file); });
    CHECK_THAT(message, has_text("x.safetensors: "));
    CHECK(message.size() < 400);
  }
}

TEST_CASE("a file cut at any byte is refused, and a flipped header is refused or read in bounds") {
  TempFolder folder;
  write_safetensors(folder / "good", {{"a", at::ones({5})}, {"b", at::ones({2, 2})}});
  std::string whole = tests::read_file(folder / "good");
  for (size_t length = 0; length < whole.size(); ++length) {
    auto file = folder.write("cut", whole.substr(0, length));
    CHECK_THAT(message_of([&] { read_safetensors(file); }), has_text("cut: "));
  }
  int64_t refused = 0;
  size_t header_bits = 8 * (whole.size() - 9 * sizeof(float));
  for (size_t bit = 0; bit < header_bits; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    auto file = folder.write("flip", flipped);
    try {
      read_safetensors(file);
    } catch (const std::runtime_error& error) {
      ++refused;
      REQUIRE_THAT(error.what(), has_text("flip: "));
    }
  }
  CHECK(refused > static_cast<int64_t>(header_bits / 2));
}

TEST_CASE("thousands of mutants are refused by name or read in bounds, and nothing else") {
  TempFolder folder;
  write_safetensors(folder / "good", {{"a", at::ones({5, 3})}, {"b", at::ones({2, 2, 2})}});
  const std::string whole = tests::read_file(folder / "good");
  const std::vector<std::string> pieces = {"-",
                                           "9",
                                           "18446744073709551615",
                                           "9223372036854775807",
                                           "4611686018427387904",
                                           "-1",
                                           "1e3",
                                           "0.5",
                                           "[",
                                           "]",
                                           "{",
                                           "}",
                                           ",",
                                           "null",
                                           "\"F32\"",
                                           "\"shape\"",
                                           "\xff",
                                           "0",
                                           "[[",
                                           "\""};
  std::mt19937_64 random(7);
  auto below = [&](size_t bound) { return static_cast<size_t>(random() % bound); };
  int64_t refused = 0;
  for (int i = 0; i < 6000; ++i) {
    std::string mutant = whole;
    for (size_t changes = 1 + below(3); changes-- > 0;) {
      // Three of four in the header, whose every byte means something.
      const size_t place = below(below(4) ? std::min<size_t>(mutant.size(), 240) : mutant.size());
      const std::string& piece = pieces[below(pieces.size())];
      switch (below(4)) {
        case 0:
          mutant[place] = static_cast<char>(random());
          break;
        case 1:
          mutant.replace(place, 1 + below(4), piece);
          break;
        case 2:
          mutant.insert(place, piece);
          break;
        default:
          mutant.erase(place, 1 + below(8));
      }
    }
    // A header that grew or shrank is measured again in half of the cases.
    if (mutant.size() > 8 && below(2)) {
      const uint64_t length = whole.size() > 8 ? mutant.size() - 8 - 23 * sizeof(float) : 0;
      std::memcpy(mutant.data(), &length, 8);
    }
    auto file = folder.write("mutant", mutant);
    try {
      for (const auto& [name, tensor] : read_safetensors(file))
        REQUIRE(tensor.nbytes() <= mutant.size());
    } catch (const std::runtime_error& error) {
      ++refused;
      // Ours, in one line; LibTorch's carry a stack.
      INFO(error.what());
      REQUIRE(std::string(error.what()).find("mutant: ") != std::string::npos);
      REQUIRE(std::string(error.what()).find("frame #") == std::string::npos);
    }
  }
  CHECK(refused > 3000);
}

TEST_CASE("two tensors that share bytes are refused") {
  TempFolder folder;
  const std::string both = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                           R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})";
  auto file = write_raw(folder, both, std::string(8, 'x'));
  CHECK_THAT(message_of([&] { read_safetensors(file); }),
             has_text("b: shares its bytes with another tensor"));
}

TEST_CASE("a file's hash is the one that was taken while it was written") {
  TempFolder folder;
  const std::string hash = write_safetensors(
      folder / "x", {{"a", at::arange(300000, at::kFloat)}, {"b", at::ones({1})}});
  CHECK(hash == db::sha256_of_file(folder / "x"));
}

TEST_CASE("a file that cannot be written is named") {
  TempFolder folder;
  tests::FullDisk disk(1000);
  CHECK_THAT(message_of([&] {
               write_safetensors(folder / "x", {{"a", at::ones({1000})}});
             }),
             has_text("x: writing failed"));
  CHECK_THAT(message_of([] { write_safetensors("/nowhere/x", {}); }),
             has_text("/nowhere/x: writing failed"));
  CHECK_THAT(message_of([&] { read_safetensors(folder / "none"); }),
             has_text("none: cannot be read"));
}

}  // namespace crosslaw::trainer
