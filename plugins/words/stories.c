/* stories.c - fourteen stories of two to four steps, each in several wordings. */
#include "config.h"

#include "stories.h"

#define COUNT(list) (sizeof list / sizeof *(list))

const struct story stories[] = {
    /* two steps */
    { { "{n} has {A} dollars and buys {B} {x} for {C} dollars each. How many dollars are left?",
        "{n} goes to the market with {A} dollars. {B} {x} cost {C} dollars each, and {n} buys them "
        "all. How much money does {n} still have?",
        "One of the {x} costs {C} dollars. {n} takes {B} of them and pays from {A} dollars. How "
        "many dollars does {n} get back?" },
      { { 60, 400 }, { 2, 12 }, { 2, 20 } },
      { { "Cost", 'B', '*', 'C' }, { "Left", 'A', '-', '1' } } },
    { { "{n} picks {A} {x} on Monday and {B} on Tuesday, then puts them equally into {C} bags. How "
        "many {x} are in each bag?",
        "{n} has {A} {x} and {m} has {B}. They share them equally among {C} friends. How many {x} "
        "does each friend get?",
        "There are {A} {x} in one box and {B} in another. {n} deals all of them out to {C} "
        "children. How many does each child get?" },
      { { 10, 200 }, { 10, 200 }, { 2, 9 } },
      { { "All", 'A', '+', 'B' }, { "Each", '1', '/', 'C' } } },
    { { "A hall has {A} rows of {B} chairs. {C} chairs are taken. How many chairs are free?",
        "{n} sets up {A} rows with {B} chairs in each. Then {C} guests sit down. How many chairs "
        "stay empty?",
        "In a cinema there are {A} rows, each with {B} chairs, and {C} tickets are sold. How many "
        "chairs are not sold?" },
      { { 4, 15 }, { 4, 20 }, { 5, 120 } },
      { { "Chairs", 'A', '*', 'B' }, { "Free", '1', '-', 'C' } } },
    /* three steps */
    { { "{n} buys {A} {x} at {B} dollars each and {C} {y} at {D} dollars each. How much does {n} "
        "pay?",
        "At the shop {x} cost {B} dollars each and {y} cost {D} dollars each. {n} wants {A} {x} "
        "and "
        "{C} {y}. What is the price of all?",
        "{n} orders {A} {x} for {B} dollars each. {m} orders {C} {y} for {D} dollars each. How "
        "many "
        "dollars do they pay together?" },
      { { 2, 12 }, { 2, 20 }, { 2, 12 }, { 2, 20 } },
      { { "First", 'A', '*', 'B' }, { "Second", 'C', '*', 'D' }, { "Together", '1', '+', '2' } } },
    { { "A book has {A} pages. {n} reads {B} pages a day for {C} days, and {D} more on Sunday. How "
        "many pages are left?",
        "{n} reads a book of {A} pages: {B} pages on each of {C} days and then {D} pages. How many "
        "pages does {n} still have to read?" },
      { { 150, 600 }, { 4, 20 }, { 3, 12 }, { 5, 60 } },
      { { "In the days", 'B', '*', 'C' }, { "Read", '1', '+', 'D' }, { "Left", 'A', '-', '2' } } },
    { { "A farm fills {A} boxes with {B} {x} each. {C} {x} are bad. The others are packed in bags "
        "of {D}. How many bags are there?",
        "{n} gets {A} crates, each with {B} {x}, throws {C} of the {x} away and packs the rest in "
        "bags of {D}. How many bags does {n} fill?" },
      { { 3, 12 }, { 5, 20 }, { 2, 50 }, { 2, 9 } },
      { { "All", 'A', '*', 'B' }, { "Good", '1', '-', 'C' }, { "Bags", '2', '/', 'D' } } },
    { { "{n} saves {A} dollars a week for {B} weeks and gets {C} dollars from {m}. A bike costs "
        "{D} "
        "dollars. How many dollars are missing?",
        "For a bike of {D} dollars {n} puts aside {A} dollars in each of {B} weeks, and {m} gives "
        "{C} dollars. How much does {n} still need?" },
      { { 3, 20 }, { 3, 12 }, { 5, 80 }, { 100, 400 } },
      { { "Saved", 'A', '*', 'B' }, { "Has", '1', '+', 'C' }, { "Missing", 'D', '-', '2' } } },
    { { "A train leaves with {A} people. At the first stop {B} get off and {C} get on. At the next "
        "stop {D} get off. How many people are on the train?",
        "{A} people sit in a train. {B} of them leave and {C} new ones come in; later {D} leave. "
        "How many people sit in the train now?" },
      { { 80, 500 }, { 5, 90 }, { 5, 120 }, { 5, 90 } },
      { { "After leaving", 'A', '-', 'B' },
        { "After coming", '1', '+', 'C' },
        { "Now", '2', '-', 'D' } } },
    { { "{n} has {A} {x}. {m} has {B} times as many. They give away {C} of all these {x}. How many "
        "do they have left?",
        "{n} owns {A} {x} and {m} owns {B} times as many. Together they sell {C}. How many {x} do "
        "they keep?" },
      { { 8, 60 }, { 2, 9 }, { 5, 90 } },
      { { "The other", 'A', '*', 'B' }, { "Both", 'A', '+', '1' }, { "Left", '2', '-', 'C' } } },
    { { "{n} earns {A} dollars an hour and works {B} hours on each of {C} days. How much is left "
        "after paying {D} dollars for rent?",
        "{n} works {C} days, {B} hours a day, for {A} dollars an hour, and spends {D} dollars. How "
        "many dollars does {n} keep?" },
      { { 5, 18 }, { 2, 9 }, { 2, 7 }, { 20, 200 } },
      { { "Hours", 'B', '*', 'C' }, { "Pay", '1', '*', 'A' }, { "Left", '2', '-', 'D' } } },
    { { "{A} classes with {B} pupils each go on a trip. One bus takes {C} pupils and costs {D} "
        "dollars. How much do the buses cost?",
        "A school sends {A} groups of {B} children. {C} children fit in a bus, and each bus costs "
        "{D} dollars. What do all buses cost?" },
      { { 2, 12 }, { 8, 24 }, { 4, 24 }, { 5, 20 } },
      { { "Children", 'A', '*', 'B' }, { "Buses", '1', '/', 'C' }, { "Cost", '2', '*', 'D' } } },
    /* four steps */
    { { "{n} sells {A} {x} at {B} dollars each and {C} {y} at {D} dollars each. The stall costs "
        "{E} "
        "dollars. How many dollars does {n} keep?",
        "At a stall that costs {E} dollars, {n} sells {A} {x} for {B} dollars each and {C} {y} for "
        "{D} dollars each. What is left for {n}?" },
      { { 3, 12 }, { 2, 15 }, { 3, 12 }, { 2, 15 }, { 10, 90 } },
      { { "First", 'A', '*', 'B' },
        { "Second", 'C', '*', 'D' },
        { "All", '1', '+', '2' },
        { "Left", '3', '-', 'E' } } },
    { { "{n} walks {A} km on Monday, {B} km on Tuesday and {C} km on Wednesday, and does so for "
        "{D} "
        "weeks. {m} walks {E} km. How many more km does {n} walk?",
        "In one week {n} runs {A} km, then {B} km, then {C} km. After {D} such weeks, how many "
        "more "
        "km is that than the {E} km of {m}?" },
      { { 2, 30 }, { 2, 30 }, { 2, 30 }, { 2, 9 }, { 10, 150 } },
      { { "Two days", 'A', '+', 'B' },
        { "A week", '1', '+', 'C' },
        { "All weeks", '2', '*', 'D' },
        { "More", '3', '-', 'E' } } },
    { { "{n} has {A} bags of {B} {x} and {C} {x} more. {m} has {D}. They put all {x} together and "
        "share them equally among {E} people. How many does each get?",
        "There are {A} bags with {B} {x} each, {C} {x} on the table and {D} in a drawer. {n} makes "
        "{E} equal parts of all. How many {x} are in a part?" },
      { { 3, 12 }, { 5, 20 }, { 5, 80 }, { 5, 80 }, { 2, 9 } },
      { { "In bags", 'A', '*', 'B' },
        { "With more", '1', '+', 'C' },
        { "All", '2', '+', 'D' },
        { "Each", '3', '/', 'E' } } },
};
const size_t n_stories = COUNT(stories);

const char *const story_things[] = {
    "pens",   "books", "apples",  "pears",  "eggs",  "cakes",  "stamps", "coins", "cards",
    "plums",  "nuts",  "buttons", "shells", "balls", "lemons", "hats",   "cups",  "plants",
    "shirts", "roses", "pies",    "toys",   "kites", "lamps",  "socks",  "keys",
};
const size_t n_story_things = COUNT(story_things);

const char *const story_names[] = {
    "Ana",  "Ben",  "Carla", "David", "Emma", "Finn", "Gita", "Hugo",  "Ines",  "Jan",
    "Kim",  "Lena", "Max",   "Nora",  "Omar", "Paul", "Rosa", "Sam",   "Tom",   "Uma",
    "Vera", "Will", "Yara",  "Zoe",   "Ali",  "Mia",  "Leo",  "Priya", "Chen",  "Sofia",
    "Luca", "Noor", "Ivan",  "Aisha", "Karl", "Mei",  "Olga", "Ravi",  "Tanya", "Jose",
};
const size_t n_story_names = COUNT(story_names);

const char *const story_syllables[] = {
    "ba",  "bel", "ci",  "dor", "du",  "el",  "fa",  "gri", "ha",  "il", "jo",
    "ka",  "lin", "lo",  "ma",  "mir", "na",  "nel", "or",  "pe",  "qua", "ra",
    "ris", "sa",  "sto", "ta",  "tu",  "ul",  "va",  "wen", "xi",  "yo",  "zan",
};
const size_t n_story_syllables = COUNT(story_syllables);
