#include "apps/commands/given_fit.h"

#include "tests/support/catch.h"

using namespace crosslaw::apps;

TEST_CASE("Coefficients that fit no law are refused with the laws") {
  CHECK_THROWS_WITH(parse_coefficients("E=1,A=2"), has_text("chinchilla: E A alpha B beta"));
  CHECK_THROWS_WITH(parse_coefficients("E=1,A"), has_text("'A' is not NAME=NUMBER"));
  CHECK_THROWS_WITH(parse_coefficients("E=one"), has_text("is not NAME=NUMBER"));
  CHECK_THROWS_WITH(parse_coefficients("E=1e400"), has_text("'E=1e400' is not NAME=NUMBER"));
  CHECK_THROWS_WITH(parse_coefficients("E=1,E=2"), has_text("E is given twice"));
  CHECK_THROWS_WITH(parse_coefficients("E=1.55,A=-420,alpha=0.4,B=719.5,beta=0.3"),
                    has_text("A = -420"));
  CHECK(parse_coefficients("beta=0.3,E=1.55,A=420,alpha=0.4,B=719.5").value("beta") == 0.3);
}
