#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace crosslaw::trainer {

// What a sample of a text is in.
struct GuessedLanguages {
  std::map<std::string, double> shares;  // by two-letter code, of the bytes
  int64_t bytes = 0;                     // that were looked at
};

// Which languages a text is in.
class LanguageGuesser {
 public:
  // Asks Python's package py3langid. Where there is no such package, none is guessed and
  // `missing()` says what to install.
  LanguageGuesser();
  ~LanguageGuesser();
  LanguageGuesser(const LanguageGuesser&) = delete;
  LanguageGuesser& operator=(const LanguageGuesser&) = delete;

  const std::string& missing() const { return missing_; }
  // Whether a language of the spec goes by a code of the package: fr, or fr-web.
  bool knows(const std::string& language) const;
  // Of a sample of the files' first so many documents, weighed by their length; empty where none is
  // guessed, or the files hold tokens.
  GuessedLanguages guess(const std::vector<std::filesystem::path>& files,
                         const std::string& text_field, int64_t documents = INT64_MAX);

 private:
  GuessedLanguages sample(const std::vector<std::filesystem::path>& files,
                          const std::string& text_field, int64_t documents, int64_t stride);

  struct Helper;
  std::unique_ptr<Helper> helper_;
  std::set<std::string> codes_;
  std::string missing_;
};

// Guesses from less than so much text are wrong now and then, each in another way.
inline constexpr int64_t kBytesToJudge = 20'000;
// Names and numbers are in no language: from so little none is guessed at all.
inline constexpr int64_t kFewestBytesToJudge = 2'000;

// What of a text is in other languages than the one that `name` says. Of little text, in the one
// other language of which it seems to have most more than the text beside it: what is guessed wrong
// in both says nothing. Languages that the guesser can hardly tell from it (nb and no, hr and sr)
// count as it, and so does what is no language.
double foreign_share(const GuessedLanguages& guessed, const std::string& name,
                     const GuessedLanguages& beside = {});

// "98 % fr, 2 % en"; languages below a hundredth are left out.
std::string describe(const std::map<std::string, double>& shares);

}  // namespace crosslaw::trainer
