#include "trainer/corpus/tokenizer.h"

#include <sentencepiece_processor.h>

#include <numeric>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {
namespace {

using tests::message_of;
using tests::TempFolder;

// Serialized, of 400 tokens, trained on a made-up language with digits and accents.
std::string trained_model() {
  int left = 2000;
  uint32_t draw = 1;
  return train_tokenizer(400, [&](std::string& line) {
    line.clear();
    for (int word = 0; word < 8; ++word) {
      draw = draw * 1103515245u + 12345u;
      for (uint32_t i = 0; i < 2 + (draw >> 16) % 3; ++i)
        line += std::vector<std::string>{"la", "ri", "é", "mer", "23"}[(draw >> (18 + 3 * i)) % 5];
      line += ' ';
    }
    return left-- > 0;
  });
}

const std::string& model() {
  static const std::string kModel = trained_model();
  return kModel;
}

// What a tokenizer meets in web text.
const std::vector<std::string> kOddTexts = {
    "",
    " ",
    "   la  mer ",
    "\n",
    "\tla\r\nmer\n\n",
    "la",
    "1234567890",
    "</s><s><unk><0x0A><pad>",
    "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x9A\x80",  // an emoji of three code points
    "e\xCC\x81 is not \xC3\xA9",                     // combining accent: kept as it is
    "\xEF\xBC\xA1\xE2\x85\xA3\xC2\xA0",              // full width, Roman numeral, no-break space
    "\xE4\xB8\xAD\xE6\x96\x87",
    "\x01\x7F",
    std::string(5000, ' '),
    std::string(70'000, 'x'),
};

int64_t bytes_of(const Tokenizer& tokenizer, const std::string& text) {
  int64_t bytes = 0;
  for (int32_t token : tokenizer.encode(text)) bytes += tokenizer.bytes_of_token(token);
  return bytes;
}

}  // namespace

TEST_CASE("the tokens of a text are its bytes, and only NUL stands for none") {
  Tokenizer tokenizer = Tokenizer::bytes();
  CHECK(tokenizer.vocabulary() == 256);
  CHECK(tokenizer.separator() == 0);
  std::string all(255, '\0');
  std::iota(all.begin(), all.end(), '\1');
  std::vector<int32_t> tokens = tokenizer.encode(all);
  REQUIRE(tokens.size() == 255);
  for (int32_t i = 0; i < 255; ++i) {
    CHECK(tokens[static_cast<size_t>(i)] == i + 1);
    CHECK(tokenizer.bytes_of_token(i + 1) == 1);
  }
  CHECK(tokenizer.bytes_of_token(0) == 0);
  // The name of this tokenizer is part of every run's key and must never change.
  CHECK(tokenizer.sha256() == "f3804c6e680c61d8aa43ee90e9653cfa53620a1f760f56a7b96a1d68c6df1676");
}

TEST_CASE("a trained tokenizer loses nothing: SentencePiece's own decoder gives the text back") {
  TempFolder folder;
  Tokenizer tokenizer = Tokenizer::load(folder.write("m.model", model()));
  sentencepiece::SentencePieceProcessor decoder;
  REQUIRE(decoder.LoadFromSerializedProto(model()).ok());
  CHECK(tokenizer.vocabulary() == 400);
  for (const std::string& text : kOddTexts) {
    INFO(text.substr(0, 60));
    std::vector<int32_t> tokens = tokenizer.encode(text);
    std::string decoded;
    REQUIRE(decoder.Decode(std::vector<int>(tokens.begin(), tokens.end()), &decoded).ok());
    CHECK(decoded == text);
    CHECK(bytes_of(tokenizer, text) == static_cast<int64_t>(text.size()));
    for (int32_t token : tokens) {
      REQUIRE(token >= 0);
      REQUIRE(token < tokenizer.vocabulary());
      // No text can forge the end of a document.
      REQUIRE(token != tokenizer.separator());
    }
  }
}

TEST_CASE("a trained tokenizer is shorter than bytes and splits numbers into digits") {
  TempFolder folder;
  Tokenizer tokenizer = Tokenizer::load(folder.write("m.model", model()));
  std::string text = "larimer merla éri 23 ";
  CHECK(tokenizer.encode(text).size() < text.size() / 2);
  CHECK(tokenizer.encode("232323").size() == 6);
}

TEST_CASE("training twice on one text gives the same model to the last byte") {
  CHECK(trained_model() == model());
}

TEST_CASE("a cut or foreign tokenizer file is named, or is another tokenizer by its hash") {
  TempFolder folder;
  Tokenizer whole = Tokenizer::load(folder.write("m.model", model()));
  int64_t refused = 0;
  for (size_t length = 0; length < model().size(); length += 1 + model().size() / 150) {
    auto file = folder.write("cut.model", model().substr(0, length));
    std::string hash, message = message_of([&] { hash = Tokenizer::load(file).sha256(); });
    CHECK(hash != whole.sha256());
    if (message == "(nothing was thrown)") continue;
    ++refused;
    REQUIRE_THAT(message, has_text("cut.model: "));
  }
  CHECK(refused > 100);
  CHECK_THAT(message_of([&] { Tokenizer::load(folder / "none.model"); }),
             has_text("none.model: cannot be read"));
  CHECK_THAT(message_of([&] { Tokenizer::load(folder.write("a.model", "{\"model\": 1}")); }),
             has_text("a.model: not a SentencePiece model"));
}

TEST_CASE("a text too poor for the vocabulary is an error that names it") {
  int left = 3;
  CHECK_THAT(message_of([&] {
               train_tokenizer(1000, [&](std::string& line) {
                 line = "abc";
                 return left-- > 0;
               });
             }),
             has_text("training a tokenizer of 1000 tokens failed"));
  CHECK_THAT(message_of([] { train_tokenizer(300, [](std::string&) { return false; }); }),
             has_text("training a tokenizer of 300 tokens failed"));
}

}  // namespace crosslaw::trainer
