#include "trainer/corpus/token_shard.h"

#include "tests/support/catch.h"
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
    CHECK_THAT(message_of([&] { TokenShard shard(file); }), Catch::Contains("cut.tokens"));
  }
  auto file = folder.write("cut.tokens", whole + "x");
  CHECK_THAT(message_of([&] { TokenShard shard(file); }), Catch::Contains("is damaged"));
}

TEST_CASE("a newer version and a foreign file are refused") {
  TempFolder folder;
  std::string whole = tests::read_file(write_shard(folder, 256, {1, 2, 3}));
  whole[8] = 9;
  CHECK_THAT(message_of([&] { TokenShard shard(folder.write("new.tokens", whole)); }),
             Catch::Contains("version 9"));
  CHECK_THAT(
      message_of([&] { TokenShard shard(folder.write("no.tokens", std::string(100, 'x'))); }),
      Catch::Contains("is not a crosslaw token shard"));
}

TEST_CASE("an unfinished shard leaves nothing behind") {
  TempFolder folder;
  {
    TokenShardWriter writer(folder / "a.tokens", 256);
    writer.append({1, 2, 3});
  }
  CHECK(std::filesystem::is_empty(folder.path()));
}

}  // namespace crosslaw::trainer
