#include "trainer/corpus/token_shard.h"

#include <numeric>

#include "tests/support/catch.h"
#include "tests/support/full_disk.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {
namespace {

using tests::message_of;
using tests::TempFolder;

std::filesystem::path write_shard(const TempFolder& folder, int64_t vocabulary,
                                  const std::vector<int32_t>& tokens) {
  TokenShardWriter writer(folder / "a.tokens", vocabulary);
  writer.append(tokens);
  writer.finish(99);
  return folder / "a.tokens";
}

}  // namespace

TEST_CASE("tokens come back as they were written, in two bytes or four") {
  TempFolder folder;
  for (int64_t vocabulary : {256, 65536, 65537, 200000}) {
    std::vector<int32_t> tokens = {0, 1, static_cast<int32_t>(vocabulary - 1), 7};
    TokenShard shard(write_shard(folder, vocabulary, tokens));
    CHECK(shard.info().tokens == 4);
    CHECK(shard.info().vocabulary == vocabulary);
    CHECK(shard.info().text_bytes == 99);
    std::vector<int64_t> read(3);
    shard.copy(1, 3, read.data());
    CHECK(read == std::vector<int64_t>{1, vocabulary - 1, 7});
  }
}

TEST_CASE("a shard cut at any byte, or longer than it says, is refused by name") {
  TempFolder folder;
  std::string whole = tests::read_file(write_shard(folder, 256, {1, 2, 3, 4, 5}));
  for (size_t length = 0; length < whole.size(); ++length) {
    auto file = folder.write("cut.tokens", whole.substr(0, length));
    CHECK_THAT(message_of([&] { TokenShard shard(file); }), has_text("cut.tokens"));
  }
  auto file = folder.write("cut.tokens", whole + "x");
  CHECK_THAT(message_of([&] { TokenShard shard(file); }), has_text("is damaged"));
}

TEST_CASE("a newer version and a foreign file are refused") {
  TempFolder folder;
  std::string whole = tests::read_file(write_shard(folder, 256, {1, 2, 3}));
  whole[8] = 9;
  CHECK_THAT(message_of([&] { TokenShard shard(folder.write("new.tokens", whole)); }),
             has_text("version 9"));
  CHECK_THAT(
      message_of([&] { TokenShard shard(folder.write("no.tokens", std::string(100, 'x'))); }),
      has_text("is not a crosslaw token shard"));
}

TEST_CASE("an unfinished shard leaves nothing behind") {
  TempFolder folder;
  {
    TokenShardWriter writer(folder / "a.tokens", 256);
    writer.append({1, 2, 3});
  }
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("the format on disk is 64 bytes of header and little-endian tokens") {
  TempFolder folder;
  std::string wide = tests::read_file(write_shard(folder, 70'000, {1, 69'999}));
  CHECK(wide == std::string("CLTOKENS\1\0\0\0\4\0\0\0\x70\x11\1\0\0\0\0\0\2\0\0\0\0\0\0\0"
                            "c\0\0\0\0\0\0\0",
                            40) +
                    std::string(24, '\0') + std::string("\1\0\0\0\x6F\x11\1\0", 8));
  std::string narrow = tests::read_file(write_shard(folder, 300, {1, 299}));
  CHECK(narrow.substr(64) == std::string("\1\0\x2B\1", 4));
}

TEST_CASE("a flipped bit is refused, or is in what only the manifest's hash can tell") {
  TempFolder folder;
  const std::vector<int32_t> tokens = {1, 2, 3, 250, 5};
  std::string whole = tests::read_file(write_shard(folder, 256, tokens));
  for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    auto file = folder.write("flip.tokens", flipped);
    std::vector<int64_t> read(tokens.size());
    std::string message = message_of(
        [&] { TokenShard(file).copy(0, static_cast<int64_t>(read.size()), read.data()); });
    INFO("bit " << bit << ": " << message);
    size_t byte = bit / 8;
    bool sizes = byte < 16 || (byte >= 24 && byte < 32);  // magic, version, width, number of tokens
    if (sizes) REQUIRE_THAT(message, has_text("flip.tokens: "));
    // A token that a flip moved out of the vocabulary never reaches the model.
    if (message == "(nothing was thrown)" && byte >= 64) {
      for (int64_t token : read) REQUIRE(token < 256);
    }
  }
  whole[64 + 3] = '\1';
  TokenShard shard(folder.write("flip.tokens", whole));
  int64_t token = 0;
  shard.copy(0, 1, &token);
  CHECK(token == 1);
  CHECK_THAT(message_of([&] { shard.copy(1, 1, &token); }),
             has_text("flip.tokens: is damaged: token 258 at 1 is outside the vocabulary"));
}

TEST_CASE("tokens written in pieces are those written at once, and any range can be read") {
  TempFolder folder;
  std::vector<int32_t> tokens(1000);
  std::iota(tokens.begin(), tokens.end(), 0);
  std::string at_once = tests::read_file(write_shard(folder, 1000, tokens));
  {
    TokenShardWriter writer(folder / "b.tokens", 1000);
    for (size_t from = 0, count = 1; from < tokens.size(); from += count, count = count * 2 + 1) {
      auto first = tokens.begin() + static_cast<long>(from);
      writer.append({first, first + static_cast<long>(std::min(count, tokens.size() - from))});
    }
    writer.append({});
    CHECK(writer.tokens() == 1000);
    writer.finish(99);
  }
  CHECK(tests::read_file(folder / "b.tokens") == at_once);
  TokenShard read(folder / "b.tokens"), shard(std::move(read));
  for (int64_t first : {0, 1, 500, 999, 1000}) {
    std::vector<int64_t> part(static_cast<size_t>(1000 - first));
    shard.copy(first, 1000 - first, part.data());
    for (size_t i = 0; i < part.size(); ++i) REQUIRE(part[i] == first + static_cast<int64_t>(i));
  }
}

TEST_CASE("a shard that does not fit on the disk leaves the old one and nothing beside it") {
  TempFolder folder;
  std::string old = tests::read_file(write_shard(folder, 256, {1, 2, 3}));
  std::string message = message_of([&] {
    tests::FullDisk disk(20'000);
    TokenShardWriter writer(folder / "a.tokens", 256);
    for (int i = 0; i < 100; ++i) writer.append(std::vector<int32_t>(1000, 7));
    writer.finish(1);
  });
  CHECK_THAT(message, has_text("a.tokens.tmp: writing failed: File too large"));
  CHECK(tests::read_file(folder / "a.tokens") == old);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  CHECK_THAT(message_of([] { TokenShardWriter("/proc/none/a.tokens", 256); }),
             has_text("/proc/none/a.tokens.tmp: cannot be written"));
}

}  // namespace crosslaw::trainer
