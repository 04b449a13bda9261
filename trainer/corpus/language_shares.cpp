#include "trainer/corpus/language_shares.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "trainer/corpus/python_helper.h"
#include "trainer/corpus/text_reader.h"
#include "trainer/corpus/token_file.h"

namespace crosslaw::trainer {
namespace {

// Pieces of each file that are looked at, and how much text is one: enough to know its language.
constexpr int64_t kPieces = 100;
constexpr size_t kBytes = 1000;
constexpr int64_t kStride = 7;  // of documents: neighbours resemble each other

constexpr std::string_view kNoLanguage = "zxx";
// Languages that are written nearly alike.
const std::set<std::string> kAlike[] = {
    {"no", "nb", "nn", "da"}, {"sr", "hr", "bs"}, {"id", "ms"}, {"zh", "yue", "wuu"},
    {"ar", "arz", "ary"},     {"uz", "uzs"},      {"cs", "sk"}, {"gl", "pt"}};

// "fr" of "fr-web" and "fr_2".
std::string code_of(const std::string& language) {
  return language.substr(0, language.find_first_of("-_"));
}

bool alike(const std::string& a, const std::string& b) {
  return a == b || std::any_of(std::begin(kAlike), std::end(kAlike), [&](const auto& group) {
           return group.contains(a) && group.contains(b);
         });
}

}  // namespace

struct LanguageGuesser::Helper {
  PythonHelper python;
};

LanguageGuesser::LanguageGuesser() {
  try {
    helper_ = std::make_unique<Helper>();
    std::istringstream codes(helper_->python.ask('L', ""));
    for (std::string code; codes >> code;) codes_.insert(code);
  } catch (const std::exception& error) {
    helper_.reset();
    missing_ = error.what();
  }
}

LanguageGuesser::~LanguageGuesser() = default;

bool LanguageGuesser::knows(const std::string& language) const {
  const std::string code = code_of(language);
  return code != kNoLanguage &&
         std::any_of(codes_.begin(), codes_.end(),
                     [&](const std::string& known) { return alike(code, known); });
}

GuessedLanguages LanguageGuesser::guess(const std::vector<std::filesystem::path>& files,
                                        const std::string& text_field, int64_t documents) {
  GuessedLanguages guessed = sample(files, text_field, documents, kStride);
  // Of a short text, as validation texts are, every word counts.
  if (guessed.bytes < kBytesToJudge) guessed = sample(files, text_field, documents, 1);
  for (auto& [language, share] : guessed.shares) share /= static_cast<double>(guessed.bytes);
  return guessed;
}

// The beginnings of documents, one of every `stride`; with 1 their whole text.
GuessedLanguages LanguageGuesser::sample(const std::vector<std::filesystem::path>& files,
                                         const std::string& text_field, int64_t documents,
                                         int64_t stride) {
  GuessedLanguages guessed;
  int64_t number = 0;
  for (const std::filesystem::path& file : files) {
    if (!helper_ || is_token_file(file)) continue;
    int64_t pieces = 0;
    read_raw_texts(file, text_field, [&](RawText&& raw, int64_t) {
      if (number >= documents) return false;
      if (number++ % stride != 0) return true;
      const ParsedText parsed = parse_text(raw, text_field);
      if (!parsed.usable) return true;
      std::string_view rest = parsed.text;
      while (!rest.empty() && pieces < kPieces) {
        const std::string_view piece = rest.substr(0, cut_of(rest, kBytes));
        guessed.shares[helper_->python.ask('G', piece)] += static_cast<double>(piece.size());
        guessed.bytes += static_cast<int64_t>(piece.size());
        ++pieces;
        rest = stride == 1 ? rest.substr(piece.size()) : "";
      }
      return pieces < kPieces;
    });
  }
  return guessed;
}

double foreign_share(const GuessedLanguages& guessed, const std::string& name,
                     const GuessedLanguages& beside) {
  double foreign = 0, most = 0;
  for (const auto& [language, share] : guessed.shares) {
    if (language == kNoLanguage || alike(language, code_of(name))) continue;
    foreign += share;
    const auto also = beside.shares.find(language);
    most = std::max(most, share - (also == beside.shares.end() ? 0 : also->second));
  }
  return guessed.bytes < kBytesToJudge ? most : foreign;
}

std::string describe(const std::map<std::string, double>& shares) {
  std::vector<std::pair<double, std::string>> sorted;
  for (const auto& [language, share] : shares) {
    if (share >= 0.01) sorted.emplace_back(-share, language);
  }
  std::sort(sorted.begin(), sorted.end());
  std::string text;
  for (const auto& [share, language] : sorted)
    text += fmt::format("{}{:.0f} % {}", text.empty() ? "" : ", ", -100 * share, language);
  return text;
}

}  // namespace crosslaw::trainer
