#include "trainer/corpus/training_sample.h"

#include "trainer/corpus/text_reader.h"
#include "trainer/corpus/tokenizer.h"

namespace crosslaw::trainer {

TrainingSample::TrainingSample(
    const std::vector<std::vector<std::filesystem::path>>& files_of_languages, int64_t bytes,
    const std::string& text_field) {
  const int64_t part = bytes / static_cast<int64_t>(files_of_languages.size());
  for (const auto& files : files_of_languages) {
    int64_t left = part;
    for (const std::filesystem::path& file : files) {
      if (left <= 0) break;
      read_raw_texts(file, text_field, [&](RawText&& raw, int64_t) {
        const std::string text = parse_text(raw, text_field).text;
        // The part may end inside a character; the tokenizer must not learn its first half.
        std::string_view taken(text);
        taken = taken.substr(0, static_cast<size_t>(left));
        add_lines(taken.substr(0, valid_utf8_prefix(taken)));
        left -= static_cast<int64_t>(text.size());
        return left > 0;
      });
    }
  }
}

bool TrainingSample::next(std::string& line) {
  if (at_ == lines_.size()) return false;
  line = std::move(lines_[at_++]);
  return true;
}

void TrainingSample::add_lines(std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    // SentencePiece leaves out longer lines without a word: a text of one line would teach nothing.
    while (!line.empty()) {
      const size_t bytes = cut_of(line, kLongestSentenceBytes);
      lines_.emplace_back(line.substr(0, bytes));
      line.remove_prefix(bytes);
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

}  // namespace crosslaw::trainer
