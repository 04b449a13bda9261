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
  // Of a sample of the files' documents, weighed by their length; empty where none is guessed, or
  // the files hold tokens.
  GuessedLanguages guess(const std::vector<std::filesystem::path>& files,
                         const std::string& text_field);

 private:
  struct Helper;
  std::unique_ptr<Helper> helper_;
  std::set<std::string> codes_;
  std::string missing_;
};

// What of a text is in other languages than the one that `name` says. Languages that the guesser
// can hardly tell from it (nb and no, hr and sr) count as it, and so does what is no language.
double foreign_share(const std::map<std::string, double>& shares, const std::string& name);

// "98 % fr, 2 % en"; languages below a hundredth are left out.
std::string describe(const std::map<std::string, double>& shares);

}  // namespace crosslaw::trainer
