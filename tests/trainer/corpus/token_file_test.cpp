#include "trainer/corpus/token_file.h"

#include <random>

#include "tests/support/catch.h"
#include "tests/support/damage.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {
namespace {

using tests::message_of;
using tests::TempFolder;

const std::vector<int32_t> kTokens = {50256, 0, 17, 300, 50256, 4, 65535, 1};

template <typename T>
std::string bytes_of(const std::vector<T>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T)};
}

template <typename T>
std::string as(const std::vector<int32_t>& tokens) {
  return bytes_of(std::vector<T>(tokens.begin(), tokens.end()));
}

// 256 int32, of which three mean something (llm.c, dev/data/data_common.py).
std::string llmc(int32_t magic, int32_t version, const std::string& tokens, int32_t count) {
  std::vector<int32_t> header(256);
  header[0] = magic, header[1] = version, header[2] = count;
  return bytes_of(header) + tokens;
}

// Sequences of 5 and 3 tokens, each a document (Megatron-LM, core/datasets/indexed_dataset.py).
std::string megatron_index(uint8_t code, int64_t token_bytes) {
  return std::string("MMIDIDX\0\0", 9) + bytes_of(std::vector<uint64_t>{1}) +
         static_cast<char>(code) + bytes_of(std::vector<uint64_t>{2, 3}) +
         bytes_of(std::vector<int32_t>{5, 3}) + bytes_of(std::vector<int64_t>{0, 5 * token_bytes}) +
         bytes_of(std::vector<int64_t>{0, 1, 2});
}

std::vector<int32_t> tokens_of(const std::filesystem::path& file, int64_t vocabulary = 65536) {
  std::vector<int32_t> tokens;
  read_tokens(open_token_file(file), vocabulary, [&](const std::vector<int32_t>& piece) {
    tokens.insert(tokens.end(), piece.begin(), piece.end());
    return true;
  });
  return tokens;
}

}  // namespace

TEST_CASE("the same tokens are read from files of nanoGPT, llm.c and Megatron") {
  TempFolder folder;
  auto nano = folder.write("nano.bin", as<uint16_t>(kTokens));
  CHECK(tokens_of(nano) == kTokens);
  CHECK(open_token_file(nano).format == "nanoGPT");
  auto gpt2 = folder.write("gpt2.bin", llmc(20240520, 1, as<uint16_t>(kTokens), 8));
  CHECK(tokens_of(gpt2) == kTokens);
  CHECK(open_token_file(gpt2).format == "llm.c");
  CHECK(tokens_of(folder.write("llama3.bin", llmc(20240801, 7, as<uint32_t>(kTokens), 8))) ==
        kTokens);
  struct Type {
    uint8_t code;
    int64_t bytes;
    std::string tokens;
  };
  for (const Type& type : {Type{8, 2, as<uint16_t>(kTokens)}, Type{4, 4, as<int32_t>(kTokens)},
                           Type{5, 8, as<int64_t>(kTokens)}}) {
    auto file = folder.write("mega.bin", type.tokens);
    folder.write("mega.idx", megatron_index(type.code, type.bytes));
    CHECK(tokens_of(file) == kTokens);
    CHECK(open_token_file(file).documents == 2);
  }
}

TEST_CASE("files whose size, header and index do not agree are named") {
  TempFolder folder;
  auto message = [&](const std::string& bytes) {
    auto file = folder.write("a.bin", bytes);
    return message_of([&] { tokens_of(file); });
  };
  CHECK_THAT(message(as<uint16_t>(kTokens) + "x"),
             has_text("a.bin: has 17 bytes; without a header"));
  CHECK_THAT(message(llmc(20240520, 1, as<uint16_t>(kTokens), 9)),
             has_text("has 1040 bytes, its llm.c header promises 9 tokens in 1042"));
  CHECK_THAT(message(llmc(20240520, 2, as<uint16_t>(kTokens), 8)), has_text("of version 2"));
  CHECK_THAT(message(llmc(20240801, 7, as<uint32_t>(kTokens), -8)), has_text("promises -8 tokens"));
  const std::string index = megatron_index(8, 2), tokens = as<uint16_t>(kTokens);
  auto with_index = [&](std::string changed, size_t at, char value) {
    changed[at] = value;
    folder.write("a.idx", changed);
    return message(tokens);
  };
  CHECK_THAT(with_index(index, 0, 'X'), has_text("is no Megatron index"));
  CHECK_THAT(with_index(index, 9, 2), has_text("of version 2"));
  CHECK_THAT(with_index(index, 17, 6), has_text("type code 6 is none of whole numbers"));
  CHECK_THAT(with_index(index, 17, 4), has_text("sequence 0 does not lie behind the one before"));
  CHECK_THAT(with_index(index, 24, 1), has_text("is cut off, or its counts are damaged"));
  CHECK_THAT(with_index(index, 34, 4), has_text("sequence 1 does not lie behind"));
  CHECK_THAT(with_index(index, 38, 2), has_text("has 16 bytes, its index tells of 14"));
  CHECK_THAT(with_index(index, index.size() - 8, 1), has_text("do not cover its sequences"));
  folder.write("a.idx", index + "x");
  CHECK_THAT(message(tokens), has_text("has 1 bytes too many"));
  CHECK_THAT(message_of([&] { tokens_of(folder / "none.bin"); }),
             has_text("none.bin: cannot be read"));
}

TEST_CASE("a token outside the vocabulary is named with its place, negative ones included") {
  TempFolder folder;
  auto file = folder.write("a.bin", as<uint16_t>(kTokens));
  CHECK_THAT(message_of([&] { tokens_of(file, 50257); }),
             has_text("token 65535 at 6 is outside the vocabulary of 50257"));
  folder.write("a.bin", std::string(8, '\xFF'));
  folder.write("a.idx", megatron_index(2, 1));
  CHECK_THAT(message_of([&] { tokens_of(file); }), has_text("token 255 at 0 is outside"));
}

TEST_CASE("a mutated file of tokens is read within its bytes or refused, and never more") {
  TempFolder folder;
  const std::string index = megatron_index(8, 2), tokens = as<uint16_t>(kTokens),
                    header = llmc(20240520, 1, as<uint16_t>(kTokens), 8);
  std::mt19937 draw(5);
  int64_t refused = 0;
  for (int i = 0; i < 6000; ++i) {
    const bool megatron = i % 2;
    // Most of an llm.c header means nothing: its beginning is where damage counts.
    const std::string bytes = tests::damaged(megatron ? index : header, draw, 3, 16);
    folder.write("m.idx", megatron ? bytes : index);
    if (!megatron) std::filesystem::remove(folder / "m.idx");
    auto file = folder.write("m.bin", megatron ? tokens : bytes);
    try {
      const size_t read = tokens_of(file).size();
      CHECK(2 * read <= (megatron ? tokens : bytes).size());
    } catch (const std::invalid_argument& error) {
      ++refused;
      REQUIRE_THAT(error.what(), has_text("/m."));
    }
  }
  CHECK(refused > 3000);
}

}  // namespace crosslaw::trainer
