#include "trainer/corpus/language_shares.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "trainer/corpus/python_helper.h"
#include "trainer/corpus/text_reader.h"
#include "trainer/corpus/token_file.h"

namespace crosslaw::trainer {
namespace {

// Documents of each file that are looked at, one of so many from its beginning, and how much of
// each: enough to know its language.
constexpr int64_t kDocuments = 100;
constexpr int64_t kStride = 7;
constexpr size_t kBytes = 1000;

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
                                        const std::string& text_field) {
  GuessedLanguages guessed;
  for (const std::filesystem::path& file : files) {
    if (!helper_ || is_token_file(file)) continue;
    int64_t number = 0, taken = 0;
    read_raw_texts(file, text_field, [&](RawText&& raw, int64_t) {
      if (number++ % kStride != 0) return true;
      const ParsedText parsed = parse_text(raw, text_field);
      if (!parsed.usable || parsed.text.empty()) return true;
      const std::string_view begin =
          std::string_view(parsed.text).substr(0, cut_of(parsed.text, kBytes));
      guessed.shares[helper_->python.ask('G', begin)] += static_cast<double>(begin.size());
      guessed.bytes += static_cast<int64_t>(begin.size());
      return ++taken < kDocuments;
    });
  }
  for (auto& [language, share] : guessed.shares) share /= static_cast<double>(guessed.bytes);
  return guessed;
}

double foreign_share(const std::map<std::string, double>& shares, const std::string& name) {
  double foreign = 0;
  for (const auto& [language, share] : shares) {
    if (language != kNoLanguage && !alike(language, code_of(name))) foreign += share;
  }
  return foreign;
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
