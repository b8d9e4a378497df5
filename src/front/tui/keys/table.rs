//! The rows.

use super::{Binding, Command as C, Focus, ch, code, ctrl, row};
use crate::front::tui::console::{CopyMove, Direction, SelectionKind};
use crate::front::tui::state::disabled as why;
use crossterm::event::KeyCode;

const VMS: &[Focus] = &[Focus::Vms];
const TABS: &[Focus] = &[Focus::Vms, Focus::Soc];
const LISTS: &[Focus] = &[
    Focus::Vms,
    Focus::Soc,
    Focus::Help,
    Focus::Operations,
    Focus::Messages,
    Focus::Consoles,
    Focus::Recordings,
    Focus::Images,
];
const REPLAY: &[Focus] = &[Focus::Replay];
const COPY: &[Focus] = &[Focus::ConsoleCopy];
const LEADER: &[Focus] = &[Focus::ConsoleLeader];
const FORMS: &[Focus] = &[Focus::Door, Focus::Text, Focus::Number, Focus::Choice];
const LINES: &[Focus] = &[
    Focus::Door,
    Focus::Lock,
    Focus::Text,
    Focus::Number,
    Focus::Filter,
    Focus::Palette,
    Focus::ConsoleSearch,
];
const EDITOR: &[Focus] = &[Focus::Editor];
const TYPED: &[Focus] = &[
    Focus::Text,
    Focus::Number,
    Focus::Choice,
    Focus::Editor,
    Focus::Filter,
    Focus::Palette,
    Focus::ConsoleSearch,
];
pub(super) const ANYWHERE: &[Focus] = &[
    Focus::Opening,
    Focus::Door,
    Focus::Lock,
    Focus::Text,
    Focus::Number,
    Focus::Choice,
    Focus::Editor,
    Focus::Filter,
    Focus::Palette,
    Focus::Help,
    Focus::Operations,
    Focus::Messages,
    Focus::Confirm,
    Focus::Quit,
    Focus::Consoles,
    Focus::Recordings,
    Focus::Images,
    Focus::Replay,
    Focus::ConsoleLeader,
    Focus::ConsoleCopy,
    Focus::ConsoleSearch,
    Focus::Vms,
    Focus::Soc,
];

const CONSOLES: &str = "Consoles";
const PLAYING: &str = "Recordings";
const COPYING: &str = "Copying from a console";
const MACHINES: &str = "Machines";
const LOG: &str = "Log (SOC)";
const MOVING: &str = "Moving";
const ASKING: &str = "Forms and questions";
const PROGRAM: &str = "Program";
const IMAGES: &str = "Images";
const WORK: &str = "Operations";

/// Every binding, in the order in which footer, help and palette show them.
#[rustfmt::skip]
pub static TABLE: &[Binding] = &[
    row(C::New, &[ch('n')], "new", "make a machine", VMS).shown().unless(why::create).section(MACHINES),
    row(C::Start, &[ch('s')], "start", "power the machine on", VMS).shown().unless(why::start).section(MACHINES),
    row(C::Stop, &[ch('S')], "stop", "ask the guest to power off", VMS).shown().unless(why::stop).section(MACHINES),
    row(C::ForceOff, &[ch('X')], "force off", "cut the power, when the guest does not react", VMS).shown().unless(why::force_off).section(MACHINES),
    row(C::Restart, &[ch('R')], "restart", "reboot the guest", VMS).shown().unless(why::restart).section(MACHINES),
    row(C::Console, &[ch('c')], "console", "the guest's serial console, with what it wrote before", VMS).shown().unless(why::console).of_consoles().section(CONSOLES),
    row(C::Ssh, &[ch('o')], "ssh", "the guest by SSH, without a password", VMS).shown().unless(why::ssh).of_consoles().section(CONSOLES),
    row(C::Pause, &[ch('p')], "pause", "halt the processors, or let them go on", VMS).shown().unless(why::pause).section(MACHINES),
    row(C::Destroy, &[ch('D')], "destroy", "remove the machine with its disk; its name must be typed", VMS).shown().unless(why::destroy).section(MACHINES),
    row(C::Ports, &[ch('f')], "ports", "forward ports of 127.0.0.1 to the machine's, or take them back", VMS).unless(why::ports).section(MACHINES),
    row(C::Open, &[code(KeyCode::Enter)], "detail", "enlarge the detail of the machine, or bring the list back", VMS).unless(why::no_machine).section(MACHINES),
    row(C::Pane, &[ch('v')], "pane", "show or hide the detail below the list", VMS).section(MACHINES),
    row(C::DetailNext, &[code(KeyCode::Right), ch('l')], "next page", "the next page of the detail", VMS).unless(why::no_machine).section(MACHINES),
    row(C::DetailPrevious, &[code(KeyCode::Left), ch('h')], "previous page", "the previous page of the detail", VMS).unless(why::no_machine).section(MACHINES),
    row(C::Filter, &[ch('/')], "filter", "show only machines that have these words in name, state, image or address", VMS).shown().section(MACHINES),
    row(C::SortNext, &[ch('>')], "sort by next", "sort by the next column", VMS).section(MACHINES),
    row(C::SortPrevious, &[ch('<')], "sort by previous", "sort by the previous column", VMS).section(MACHINES),
    row(C::SortReverse, &[ch('=')], "reverse", "sort the other way round", VMS).section(MACHINES),

    row(C::Severity, &[ch('f')], "severity", "all events, warnings and worse, critical ones only", &[Focus::Soc]).shown().section(LOG),
    row(C::Type, &[ch('t')], "type", "events of all types, or of one", &[Focus::Soc]).shown().section(LOG),

    row(C::Consoles, &[ch('C')], "consoles", "who sits at which console; show or end them", TABS).of_consoles().section(CONSOLES),
    row(C::Open, &[code(KeyCode::Enter)], "show", "show a console that is open here", &[Focus::Consoles]).shown().unless(why::not_here).of_consoles().section(CONSOLES),
    row(C::EndConsole, &[ch('x')], "end", "end the selected console, wherever it is open", &[Focus::Consoles]).shown().unless(why::no_console).of_consoles().section(CONSOLES),
    row(C::EndConsoles, &[ch('X')], "end all", "end every console that you may end", &[Focus::Consoles]).shown().unless(why::no_console).of_consoles().section(CONSOLES),
    row(C::ConsoleLeader, &[ctrl(']')], "leader", "the one key that is not the guest's (configurable); pressed twice it is", &[Focus::Console]).shown().of_consoles().section(CONSOLES),
    row(C::ConsoleType, &[code(KeyCode::Enter), ch('i')], "type on", "give the keyboard back to the guest", LEADER).shown().of_consoles().section(CONSOLES),
    row(C::ConsoleHide, &[code(KeyCode::Esc), ch('q')], "leave", "back to the machines; the console stays open", LEADER).shown().of_consoles().section(CONSOLES),
    row(C::ConsoleClose, &[ch('x')], "close", "close the console", LEADER).shown().of_consoles().section(CONSOLES),
    row(C::ConsoleFull, &[ch('z')], "split", "fill the screen, or share it with the machines", LEADER).shown().of_consoles().section(CONSOLES),
    row(C::ConsoleNext, &[ch('n'), code(KeyCode::Tab)], "next", "the next open console", LEADER).shown().of_consoles().section(CONSOLES),
    row(C::ConsolePrevious, &[ch('p'), code(KeyCode::BackTab)], "previous", "the previous open console", LEADER).of_consoles().section(CONSOLES),
    row(C::ConsoleCopy, &[ch('['), ch('v'), code(KeyCode::PageUp)], "copy", "scroll, select and copy", LEADER).shown().of_consoles().section(CONSOLES),
    row(C::ConsoleSearch, &[ch('/')], "search", "search in what the guest wrote", LEADER).shown().of_consoles().section(CONSOLES),
    row(C::ConsoleSize, &[ch('s')], "size", "type `stty rows … cols …`: a serial line does not carry the pane's size", LEADER).shown().of_consoles().section(CONSOLES),
    row(C::CopyMove(CopyMove::Left), &[ch('h'), code(KeyCode::Left)], "left", "one character to the left", COPY).of_consoles().section(COPYING),
    row(C::CopyMove(CopyMove::Right), &[ch('l'), code(KeyCode::Right)], "right", "one character to the right", COPY).of_consoles().section(COPYING),
    row(C::CopyMove(CopyMove::Up), &[ch('k'), code(KeyCode::Up)], "up", "one line up", COPY).of_consoles().section(COPYING),
    row(C::CopyMove(CopyMove::Down), &[ch('j'), code(KeyCode::Down)], "down", "one line down", COPY).of_consoles().section(COPYING),
    row(C::CopyMove(CopyMove::NextWord), &[ch('w')], "word", "to the next word", COPY).of_consoles().section(COPYING),
    row(C::CopyMove(CopyMove::PreviousWord), &[ch('b')], "word back", "to the previous word", COPY).of_consoles().section(COPYING),
    row(C::CopyMove(CopyMove::LineStart), &[ch('0'), code(KeyCode::Home)], "line start", "to the beginning of the line", COPY).of_consoles().section(COPYING),
    row(C::CopyMove(CopyMove::LineEnd), &[ch('$'), code(KeyCode::End)], "line end", "to the end of the line", COPY).of_consoles().section(COPYING),
    row(C::CopyMove(CopyMove::PageUp), &[ctrl('b'), code(KeyCode::PageUp)], "page up", "one page up", COPY).of_consoles().section(COPYING),
    row(C::CopyMove(CopyMove::PageDown), &[ctrl('f'), code(KeyCode::PageDown)], "page down", "one page down", COPY).of_consoles().section(COPYING),
    row(C::CopyMove(CopyMove::Top), &[ch('g')], "oldest", "to the oldest line", COPY).of_consoles().section(COPYING),
    row(C::CopyMove(CopyMove::Bottom), &[ch('G')], "newest", "to the newest line", COPY).of_consoles().section(COPYING),
    row(C::CopySelect(SelectionKind::Characters), &[ch('v'), ch(' ')], "select", "begin to select", COPY).shown().of_consoles().section(COPYING),
    row(C::CopySelect(SelectionKind::Lines), &[ch('V')], "lines", "begin to select lines", COPY).shown().of_consoles().section(COPYING),
    row(C::CopySelect(SelectionKind::Block), &[ctrl('v')], "block", "begin to select a rectangle", COPY).of_consoles().section(COPYING),
    row(C::CopyTake, &[ch('y'), code(KeyCode::Enter)], "copy", "copy what is selected to your terminal's clipboard (OSC 52)", COPY).shown().of_consoles().section(COPYING),
    row(C::ConsoleSearch, &[ch('/')], "search", "search in what the guest wrote", COPY).shown().of_consoles().section(COPYING),
    row(C::CopyMatch(Direction::Backward), &[ch('n')], "older", "the next older match", COPY).shown().of_consoles().section(COPYING),
    row(C::CopyMatch(Direction::Forward), &[ch('N')], "newer", "the next newer match", COPY).of_consoles().section(COPYING),
    row(C::CopyEnd, &[code(KeyCode::Esc), ch('q')], "back", "back to the guest", COPY).shown().of_consoles().section(COPYING),

    row(C::Recordings, &[ch('P')], "recordings", "what was recorded of consoles; play or remove it", TABS).of_consoles().section(PLAYING),
    row(C::Open, &[code(KeyCode::Enter)], "play", "play the selected recording", &[Focus::Recordings]).shown().unless(why::no_recording).of_consoles().section(PLAYING),
    row(C::RemoveRecording, &[ch('x')], "remove", "remove the selected recording", &[Focus::Recordings]).shown().unless(why::no_recording).of_consoles().section(PLAYING),
    row(C::ReplayPause, &[ch(' ')], "pause", "stand still, or go on", REPLAY).shown().of_consoles().section(PLAYING),
    row(C::ReplayFaster, &[ch('+')], "faster", "twice as fast", REPLAY).shown().of_consoles().section(PLAYING),
    row(C::ReplaySlower, &[ch('-')], "slower", "half as fast", REPLAY).shown().of_consoles().section(PLAYING),
    row(C::ReplayForward, &[code(KeyCode::Right), ch('l')], "forward", "five seconds on", REPLAY).shown().of_consoles().section(PLAYING),
    row(C::ReplayBack, &[code(KeyCode::Left), ch('h')], "back", "five seconds back", REPLAY).shown().of_consoles().section(PLAYING),
    row(C::ReplayStart, &[ch('g'), code(KeyCode::Home)], "beginning", "to the beginning", REPLAY).of_consoles().section(PLAYING),

    row(C::Images, &[ch('i')], "images", "images: here, to download, used by how many machines", TABS).section(IMAGES),
    row(C::Images, &[ch('i')], "list", "choose the image in a list", &[Focus::Choice]).shown().unless(why::no_image_field).section(IMAGES),
    row(C::Open, &[code(KeyCode::Enter)], "choose", "take the image into the form of a new machine", &[Focus::Images]).shown().unless(why::choose_image).section(IMAGES),
    row(C::PullImage, &[ch('p')], "pull", "download the image, or its newer version", &[Focus::Images]).shown().unless(why::pull_image).section(IMAGES),
    row(C::VerifyImage, &[ch('v')], "verify", "read every byte and compare it with what came", &[Focus::Images]).shown().unless(why::verify_image).section(IMAGES),
    row(C::RemoveImage, &[ch('x')], "remove", "remove the image from this host, if no machine needs it", &[Focus::Images]).shown().unless(why::remove_image).section(IMAGES),
    row(C::CleanImages, &[ch('X')], "clean up", "remove old versions that no machine needs, and broken-off downloads", &[Focus::Images]).shown().unless(why::clean_images).section(IMAGES),
    row(C::ImageFilter, &[ch('/')], "filter", "show only images that have these words in id, title, other names or state", &[Focus::Images]).shown().section(IMAGES),

    row(C::Operations, &[ch('O')], "operations", "running and past operations, step by step", TABS).shown().section(WORK),
    row(C::CancelOperation, &[ch('x')], "cancel", "stop an operation and undo what it did", &[Focus::Operations]).shown().unless(why::cancel).section(WORK),

    row(C::Up, &[code(KeyCode::Up), ch('k')], "up", "one line up", LISTS).section(MOVING),
    row(C::Down, &[code(KeyCode::Down), ch('j')], "down", "one line down", LISTS).section(MOVING),
    row(C::Up, &[code(KeyCode::Up)], "up", "to the entry or field above", &[Focus::Palette, Focus::Filter]).section(MOVING),
    row(C::Down, &[code(KeyCode::Down)], "down", "to the entry or field below", &[Focus::Palette, Focus::Filter]).section(MOVING),
    row(C::PageUp, &[code(KeyCode::PageUp), ctrl('b')], "page up", "one page up", LISTS).section(MOVING),
    row(C::PageDown, &[code(KeyCode::PageDown), ctrl('f')], "page down", "one page down", LISTS).section(MOVING),
    row(C::First, &[code(KeyCode::Home), ch('g')], "first", "to the first line (in the log: to the newest)", LISTS).section(MOVING),
    row(C::Last, &[code(KeyCode::End), ch('G')], "last", "to the last line", LISTS).section(MOVING),
    row(C::NextTab, &[code(KeyCode::Tab)], "next tab", "the next tab", TABS).section(MOVING),
    row(C::PreviousTab, &[code(KeyCode::BackTab)], "previous tab", "the previous tab", TABS).section(MOVING),
    row(C::Tab(1), &[ch('1')], "tab 1", "the first tab", TABS).section(MOVING),
    row(C::Tab(2), &[ch('2')], "tab 2", "the second tab", TABS).unless(why::no_second_tab).section(MOVING),

    row(C::Submit, &[code(KeyCode::Enter)], "accept", "accept what was typed", &[Focus::Opening, Focus::Door, Focus::Lock, Focus::Text, Focus::Number, Focus::Choice, Focus::Filter, Focus::Palette, Focus::ConsoleSearch]).shown().unless(why::nothing_to_accept).section(ASKING),
    row(C::NextField, &[code(KeyCode::Tab), code(KeyCode::Down)], "next field", "to the next field", FORMS).shown().section(ASKING),
    row(C::PreviousField, &[code(KeyCode::BackTab), code(KeyCode::Up)], "previous field", "to the previous field", FORMS).section(ASKING),
    row(C::More, &[ch('+'), code(KeyCode::PageUp)], "more", "the next larger value", &[Focus::Number]).shown().section(ASKING),
    row(C::Less, &[ch('-'), code(KeyCode::PageDown)], "less", "the next smaller value", &[Focus::Number]).shown().section(ASKING),
    row(C::More, &[code(KeyCode::Right), ch(' '), ch('+'), ch('l')], "next", "the next choice", &[Focus::Choice]).shown().section(ASKING),
    row(C::Less, &[code(KeyCode::Left), ch('-'), ch('h')], "previous", "the previous choice", &[Focus::Choice]).shown().section(ASKING),
    row(C::Edit, &[code(KeyCode::Left), code(KeyCode::Right), code(KeyCode::Home), code(KeyCode::End), code(KeyCode::Backspace), code(KeyCode::Delete), ctrl('a'), ctrl('e'), ctrl('u'), ctrl('k'), ctrl('w')], "edit", "move in the line and delete: a character, to the start (Ctrl-U) or end (Ctrl-K), a word (Ctrl-W)", LINES).section(ASKING),
    row(C::FirstBoot, &[ctrl('f')], "first boot", "what cloud-init does at a new machine's first boot, and back to the machine", &[Focus::Text, Focus::Number, Focus::Choice, Focus::Editor]).unless(why::first_boot).section(ASKING),
    row(C::NextField, &[code(KeyCode::Tab)], "next field", "to the next field (from a document)", EDITOR).shown().section(ASKING),
    row(C::PreviousField, &[code(KeyCode::BackTab)], "previous field", "to the previous field (from a document)", EDITOR).section(ASKING),
    row(C::Edit, &[ctrl('u')], "undo", "take the last change of the document back", EDITOR).shown().section(ASKING),
    row(C::Edit, &[ctrl('r')], "redo", "make it again", EDITOR).shown().section(ASKING),
    row(C::Edit, &[code(KeyCode::Enter), code(KeyCode::Up), code(KeyCode::Down), code(KeyCode::Left), code(KeyCode::Right), code(KeyCode::PageUp), code(KeyCode::PageDown), code(KeyCode::Home), code(KeyCode::End), code(KeyCode::Backspace), code(KeyCode::Delete), ctrl('a'), ctrl('e'), ctrl('k'), ctrl('w')], "edit", "write in the document: break the line, move, delete a character, to the line's end (Ctrl-K), a word (Ctrl-W)", EDITOR).section(ASKING),
    row(C::SwitchDoor, &[ctrl('n')], "register or sign in", "make a new account, or sign in to one", &[Focus::Door]).shown().unless(why::switch_door).section(ASKING),
    row(C::Yes, &[ch('y'), code(KeyCode::Enter)], "yes", "do it", &[Focus::Confirm]).shown().section(ASKING),
    row(C::No, &[ch('n'), code(KeyCode::Esc), ch('q')], "no", "leave it", &[Focus::Confirm]).shown().section(ASKING),
    row(C::WaitAndQuit, &[ch('w'), code(KeyCode::Enter)], "wait", "quit when the operations are done", &[Focus::Quit]).shown().section(ASKING),
    row(C::QuitNow, &[ch('l'), ch('q')], "leave now", "quit now; the next keeper goes on with the operations", &[Focus::Quit]).shown().section(ASKING),
    row(C::No, &[ch('c'), code(KeyCode::Esc)], "stay", "do not quit", &[Focus::Quit]).shown().section(ASKING),

    row(C::Palette, &[ch(':')], "command", "find any command by its name", TABS).shown().section(PROGRAM),
    row(C::Help, &[ch('?'), code(KeyCode::F(1))], "help", "every key, and what it does", &[Focus::Vms, Focus::Soc, Focus::Operations, Focus::Messages, Focus::Consoles, Focus::Recordings, Focus::Images, Focus::Replay]).shown().section(PROGRAM),
    row(C::Messages, &[ch('E')], "messages", "earlier results and errors, in full", TABS).section(PROGRAM),
    row(C::Theme, &[ch('T')], "theme", "dark, light, monochrome; kept for your next sign-in", TABS).unless(why::no_colour).section(PROGRAM),
    row(C::Lock, &[ch('L')], "lock", "lock the screen; your password opens it where you were", TABS).section(PROGRAM),
    row(C::SignOut, &[ctrl('o')], "sign out", "end your session", TABS).section(PROGRAM),
    row(C::SignOut, &[ctrl('o')], "sign out", "end the session instead of unlocking it", &[Focus::Lock]).shown().section(PROGRAM),
    row(C::Back, &[code(KeyCode::Esc)], "back", "close what is open, clear the filter", &[Focus::Vms, Focus::Help, Focus::Operations, Focus::Messages, Focus::Consoles, Focus::Recordings, Focus::Images, Focus::Replay]).section(PROGRAM),
    row(C::Back, &[code(KeyCode::Esc)], "cancel", "close the form (asks if something was typed) or the line", TYPED).shown().section(ASKING),
    row(C::Back, &[ch('q')], "close", "close this list", &[Focus::Help, Focus::Operations, Focus::Messages, Focus::Consoles, Focus::Recordings, Focus::Images, Focus::Replay]).shown().section(PROGRAM),
    row(C::Quit, &[ch('q')], "quit", "leave twarga; machines go on", TABS).shown().section(PROGRAM),
    row(C::Interrupt, &[ctrl('c')], "quit", "leave twarga from anywhere", ANYWHERE).section(PROGRAM),
    row(C::Redraw, &[ctrl('l')], "redraw", "draw everything anew", ANYWHERE).section(PROGRAM),
    row(C::Suspend, &[ctrl('z')], "suspend", "stop the program; `fg` brings it back", ANYWHERE).section(PROGRAM),
];
