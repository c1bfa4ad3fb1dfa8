#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <string>

#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace tdn::codec {
namespace {

bool valid(std::string_view text) {
  JsonReader json(text);
  json.skip();
  return json.finish().has_value();
}

TEST(JsonReader, TellsValidTextFromInvalid) {
  for (const std::string_view text :
       {"{}", "[]", "null", " [1 , 2.5e-3,-0,0.1E+9] ", R"({"a":{"b":[true,false,null]}})",
        R"("\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00")", "\"\xC3\xA9\"", R"([[],{},[[]]])", "[0]",
        R"({"a":1,"a":2})"}) {
    EXPECT_TRUE(valid(text)) << text;
  }
  for (const std::string_view text : {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[1,]",
                                      "[,1]",
                                      R"({"a"})",
                                      R"({"a":})",
                                      R"({"a":1,})",
                                      "{1:2}",
                                      "01",
                                      "-",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "+1",
                                      "tru",
                                      "nul",
                                      "truex",
                                      "'a'",
                                      "\"a",
                                      R"("\x")",
                                      R"("\u12g4")",
                                      "\"a\nb\"",
                                      "[1 2]",
                                      R"({"a":1 "b":2})",
                                      "{}{}",
                                      "[1]]",
                                      "[}",
                                      "{]",
                                      "\xEF\xBB\xBF{}",
                                      "\"\xC3\"",
                                      "\"\xED\xA0\x80\"",
                                      "NaN",
                                      "// x\n1",
                                      "[\"a\x01\"]"}) {
    EXPECT_FALSE(valid(text)) << text;
  }
}

TEST(JsonReader, SeesWhatEndsAStringAtAnyPlace) {
  for (std::size_t size = 1; size < 200; ++size) {
    const std::string plain = '"' + std::string(size, 'a') + '"';
    ASSERT_TRUE(valid(plain)) << size;
    for (const std::size_t at : {std::size_t{1}, size / 3 + 1, size / 2 + 1, size}) {
      for (const char c : {'"', '\\', '\n', '\x1f', '\0', '\x80', '\xff'}) {
        std::string text = plain;
        text[at] = c;
        // A quote leaves text behind the value; a backslash before an `a` or before the closing
        // quote is wrong either way; a byte above 0x7F alone is no UTF-8.
        ASSERT_FALSE(valid(text)) << size << " " << at << " " << static_cast<int>(c);
      }
      std::string text = plain;
      text[at] = '\x7f';
      ASSERT_TRUE(valid(text)) << size << " " << at;
    }
  }
}

TEST(JsonReader, BoundsNesting) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(valid(nested(JsonReader::kMaxDepth)));
  EXPECT_FALSE(valid(nested(JsonReader::kMaxDepth + 1)));
  EXPECT_FALSE(valid(std::string(1'000'000, '[')));
}

TEST(JsonReader, PullsMembersAndElements) {
  JsonReader json(R"( {"a": [1, "x" ,{"y":2}], "b" : true, "c":"\u0041", "d":-1 } )");
  ASSERT_TRUE(json.enter_object());
  EXPECT_EQ(json.next_key(), "a");
  ASSERT_TRUE(json.enter_array());
  ASSERT_TRUE(json.next_element());
  EXPECT_EQ(json.count(), 1);
  ASSERT_TRUE(json.next_element());
  EXPECT_EQ(json.string(), "x");
  ASSERT_TRUE(json.next_element());
  EXPECT_EQ(json.skip(), R"({"y":2})");
  EXPECT_FALSE(json.next_element());
  EXPECT_EQ(json.next_key(), "b");
  EXPECT_EQ(json.boolean(), true);
  EXPECT_EQ(json.next_key(), "c");
  EXPECT_EQ(json_unescape(json.string()), "A");
  EXPECT_EQ(json.next_key(), "d");
  EXPECT_EQ(json.count(), std::nullopt);
  EXPECT_EQ(json.next_key(), std::nullopt);
  EXPECT_TRUE(json.finish().has_value());
}

TEST(JsonReader, TheFirstErrorSticksAndNamesItsPlace) {
  JsonReader json(R"({"a":1;"b":2})");
  ASSERT_TRUE(json.enter_object());
  ASSERT_TRUE(json.next_key().has_value());
  EXPECT_EQ(json.count(), 1);
  EXPECT_EQ(json.next_key(), std::nullopt);
  EXPECT_EQ(json.next_key(), std::nullopt);
  EXPECT_EQ(json.skip(), "");
  EXPECT_EQ(json.finish().error().detail(), "a comma or } was expected at byte 6");
}

TEST(JsonReader, RecognisesNamesWrittenWithEscapes) {
  EXPECT_TRUE(JsonReader::matches("model", "model"));
  EXPECT_TRUE(JsonReader::matches(R"(m\u006fdel)", "model"));
  EXPECT_TRUE(JsonReader::matches(R"(\u006d\u006F\u0064\u0065\u006c)", "model"));
  EXPECT_FALSE(JsonReader::matches("models", "model"));
  EXPECT_FALSE(JsonReader::matches(R"(m\u006edel)", "model"));
}

TEST(JsonReader, ResolvesEscapes) {
  EXPECT_EQ(json_unescape(R"(a\"\\\/\b\f\n\r\tz)"), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(json_unescape(R"(\u00e9\u20AC\uD83D\uDE00)"), "é€😀");
  EXPECT_EQ(json_unescape(R"(\uD83Dx)"), "\xEF\xBF\xBDx");
  EXPECT_EQ(json_unescape(R"(\uDE00)"), "\xEF\xBF\xBD");
}

RC_GTEST_PROP(Json, EveryStringWrittenReadsBackTheSame, ()) {
  // Bytes of all kinds, as text of code points below 0x800.
  std::string text;
  for (const auto point : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 0x800))) {
    if (point < 0x80) {
      text += static_cast<char>(point);
    } else {
      text += static_cast<char>(0xC0 | point >> 6);
      text += static_cast<char>(0x80 | (point & 0x3F));
    }
  }
  std::string json;
  append_json_string(json, text);
  JsonReader reader(json);
  RC_ASSERT(json_unescape(reader.string()) == text);
  RC_ASSERT(reader.finish().has_value());
}

RC_GTEST_PROP(Json, AnyBytesAreWrittenAsValidText, (const std::string& bytes)) {
  std::string json;
  append_json_string(json, bytes + "\xFF\xC0\xAF\xED\xA0\x80\xF5\xE2\x82");
  RC_ASSERT(valid(json));
}

TEST(JsonWriter, PutsCommasWhereTheyBelong) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("a").begin_array().number(1).number(std::uint64_t{18446744073709551615U});
  json.begin_object().end_object().begin_array().end_array().null().end_array();
  json.key("b").begin_object().key("c").boolean(false).key("d").string("\x01\"").end_object();
  json.key("e").number(0.5).key("f").number(std::numeric_limits<double>::infinity()).end_object();
  EXPECT_EQ(text, R"({"a":[1,18446744073709551615,{},[],null],"b":{"c":false,"d":"\u0001\""},)"
                  R"("e":0.5,"f":null})");
  EXPECT_TRUE(valid(text));
}

}  // namespace
}  // namespace tdn::codec
